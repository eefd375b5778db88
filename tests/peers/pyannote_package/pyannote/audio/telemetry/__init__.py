import os


def set_telemetry_metrics(enabled, save_choice_as_default=False):
    os.environ["PYANNOTE_METRICS_ENABLED"] = str(enabled).lower()

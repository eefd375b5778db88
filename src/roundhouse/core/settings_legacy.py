"""Names of other systems whose users move here, and what each of them means."""

from __future__ import annotations

LEGACY_ENV: dict[str, tuple[str, ...]] = {
    "API_HOST": ("server", "host"),
    "API_PORT": ("server", "port"),
    "DEBUG": ("server", "debug"),
    "SECRET_API_KEY": ("access", "secret_api_key"),
    "REDIS_URL": ("cache", "url"),
    "DATABASE_URL": ("db", "url"),
    "LOG_DIR": ("log", "dir"),
    "DAYS_TO_KEEP": ("log", "keep_days"),
    "AUDIO_DIR": ("files", "dir"),
    "MAX_FILE_SIZE_MB": ("audio", "max_upload_mib"),
    "MAX_QUEUE_DEPTH": ("jobs", "max_queued"),
    "WORKER_CONCURRENCY": ("jobs", "cpu_slots"),
    "RESULT_TTL": ("jobs", "keep_days"),
    "JOB_TIMEOUT": ("audio", "job_timeout_s"),
    "WHISPER_MODEL_VARIANT": ("asr", "model"),
    "WHISPER_DEVICE": ("asr", "device"),
    "WHISPER_COMPUTE_TYPE": ("asr", "compute_type"),
    "CHUNKFORMER_MODEL_NAME": ("asr", "chunkformer_model"),
    "LLM_SUM_MODEL": ("audio", "model"),
    "LLM_ENHANCE_GPU_MEMORY_UTILIZATION": ("engine", "vram_share"),
    "RETENTION_DAYS": ("upkeep", "audio_keep_days"),
    "SKIP_CACHE": ("upkeep", "skip_cache"),
    "DISK_THRESHOLD": ("upkeep", "disk_threshold_percent"),
    "EMERGENCY_CLEANUP": ("upkeep", "emergency"),
    "DRY_RUN": ("upkeep", "dry_run"),
}
"""Environment names of other systems that are understood, and the setting each one means."""

PLACEHOLDER_KEYS = frozenset(
    {
        *("changeme", "change-me", "change_me", "change_me_in_production", "change-me-in-production", ""),
        *(
            "your_secret_api_key",
            "your_secret_api_key_here",
            "your-secret-api-key",
            "your-secret-api-key-here",
        ),
        *("your_api_key_here", "your-api-key-here", "secret_api_key"),
    }
)
"""Values of SECRET_API_KEY that are examples from templates, refused as keys."""

_DAY_S = 86_400.0


def converted(name: str, value: str) -> str:
    """A value as our setting has it; what is no number stays, so that the setting's own check names it."""
    if name == "WHISPER_MODEL_VARIANT" and "/" not in value:
        return f"whisper/{value}"
    if name == "CHUNKFORMER_MODEL_NAME" and not value.startswith("chunkformer/"):
        return f"chunkformer/{value}"
    if name != "RESULT_TTL":
        return value
    try:
        return str(float(value) / _DAY_S)
    except ValueError:
        return value

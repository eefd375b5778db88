"""Settings are read from all sources, and what is wrong with them is told by name, never by value."""

import os
from pathlib import Path

import pytest

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import LEGACY_ENV
from roundhouse.core.settings_load import check_admin_key, check_open, load, unknown_variables


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("ROUNDHOUSE_") or name in LEGACY_ENV:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem(**overrides: object) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load(overrides)
    return caught.value.detail.splitlines()


def test_overrides_are_merged_into_the_other_sources(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "roundhouse.toml").write_text("[server]\nhost = '127.0.0.9'\nport = 1\ndrain_s = 1.5\n")
    (place / ".env").write_text("ROUNDHOUSE_SERVER__KEEP_ALIVE_S=9\nAPI_PORT=2\nUNRELATED=x\n")
    monkeypatch.setenv("ROUNDHOUSE_SERVER__BODY_TIMEOUT_S", "3")
    monkeypatch.setenv("API_PORT", "4")
    settings = load({"server": {"port": 5}})
    assert (settings.server.host, settings.server.port, settings.server.drain_s) == ("127.0.0.9", 5, 1.5)
    assert (settings.server.keep_alive_s, settings.server.body_timeout_s) == (9.0, 3.0)
    assert load().server.port == 4


def test_a_named_file_is_read_instead_of_the_usual_one(place: Path) -> None:
    (place / "roundhouse.toml").write_text("[server]\nport = 1\nhost = '127.0.0.2'\n")
    (place / "other.toml").write_text("[server]\nport = 2\n")
    settings = load(config=place / "other.toml")
    assert (settings.server.port, settings.server.host) == (2, "127.0.0.1")


def test_the_variable_names_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "other.toml").write_text("[server]\nport = 2\n")
    monkeypatch.setenv("ROUNDHOUSE_CONFIG", str(place / "other.toml"))
    assert load().server.port == 2


def test_each_wrong_setting_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SERVER__PROT", "1")
    monkeypatch.setenv("ROUNDHOUSE_LOG__LEVEL", "loud")
    assert problem() == [
        "server.prot: no such setting; did you mean port?",
        "log.level: input should be 'debug', 'info', 'warning' or 'error'",
    ]


def test_a_wrong_setting_of_a_list_is_named_by_its_place(place: Path) -> None:
    (place / "roundhouse.toml").write_text(
        "[[providers]]\nname='a'\nkind='openai'\nulr='http://x'\n[providers.timeouts]\nconect_s=1\n"
    )
    assert problem() == [
        "providers.0.timeouts.conect_s: no such setting; did you mean connect_s?",
        "providers.0.ulr: no such setting; did you mean url?",
    ]


def test_a_secret_is_not_repeated(place: Path) -> None:
    (place / "roundhouse.toml").write_text("[access]\nsecret_api_key = ['hunter2']\njwt_secrt = 'hunter2'\n")
    lines = problem()
    assert len(lines) == 2
    assert "hunter2" not in "".join(lines)


def test_a_variable_that_should_hold_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SERVER__CORS_ORIGINS", "http://a")
    (line,) = problem()
    assert line.startswith("server.cors_origins: ROUNDHOUSE_SERVER__CORS_ORIGINS must hold JSON")
    monkeypatch.delenv("ROUNDHOUSE_SERVER__CORS_ORIGINS")
    monkeypatch.setenv("ROUNDHOUSE_PROVIDERS", "nonsense")
    (line,) = problem()
    assert line.startswith("providers: ROUNDHOUSE_PROVIDERS must hold JSON")


@pytest.mark.parametrize("text", ["a = [", "a = 'x", "\xff\xfe"])
def test_broken_toml_names_the_file(place: Path, text: str) -> None:
    (place / "roundhouse.toml").write_text(text, "latin-1")
    (line,) = problem()
    assert line.startswith("roundhouse.toml is not valid TOML: ")


def test_a_folder_is_no_settings_file(place: Path) -> None:
    (place / "roundhouse.toml").mkdir()
    assert problem() == ["roundhouse.toml cannot be read: Is a directory."]


def test_an_unknown_section_is_an_error(place: Path) -> None:
    (place / "roundhouse.toml").write_text("[sever]\nport = 1\n")
    assert problem() == ["sever: no such setting (in roundhouse.toml); did you mean server?"]


def test_variables_without_effect_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SEVER__PORT", "1")
    monkeypatch.setenv("ROUNDHOUSE_SERVER_PORT", "1")
    monkeypatch.setenv("ROUNDHOUSE_SERVER__PORT", "1")
    monkeypatch.setenv("ROUNDHOUSE_DATA_DIR", "x")
    monkeypatch.setenv("ROUNDHOUSE_API_KEY", "x")
    assert unknown_variables() == ["ROUNDHOUSE_SERVER_PORT", "ROUNDHOUSE_SEVER__PORT"]


@pytest.mark.parametrize(
    "key", ["changeme", " Change-Me ", "your_secret_api_key", "your_secret_api_key_here"]
)
def test_placeholder_keys_are_refused(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SECRET_API_KEY", key)
    with pytest.raises(BadInput, match="SECRET_API_KEY"):
        check_admin_key(load())


@pytest.mark.parametrize("key", ["", "a-long-random-value"])
def test_other_keys_are_not(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("ROUNDHOUSE_ACCESS__SECRET_API_KEY", key)
    check_admin_key(load())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "example.org"])
def test_without_keys_only_this_machine_may_reach_it(host: str) -> None:
    with pytest.raises(BadInput, match="--open"):
        check_open(load({"server": {"open": True, "host": host}}))
    check_open(load({"server": {"open": False, "host": host}}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_loopback_needs_no_key(host: str) -> None:
    check_open(load({"server": {"open": True, "host": host}}))


OF_AI_C500 = {
    "API_HOST": ("0.0.0.0", "server", "host", "0.0.0.0"),
    "API_PORT": ("8000", "server", "port", 8000),
    "MAX_FILE_SIZE_MB": ("500", "audio", "max_upload_mib", 500),
    "REDIS_URL": ("redis://localhost:6379/0", "cache", "url", "redis://localhost:6379/0"),
    "MAX_QUEUE_DEPTH": ("50", "jobs", "max_queued", 50),
    "RESULT_TTL": ("86400", "jobs", "keep_days", 1.0),
    "WORKER_CONCURRENCY": ("2", "jobs", "cpu_slots", 2),
    "JOB_TIMEOUT": ("600", "audio", "job_timeout_s", 600.0),
    "WHISPER_MODEL_VARIANT": ("erax-wow-turbo", "asr", "model", "whisper/erax-wow-turbo"),
    "WHISPER_DEVICE": ("cuda", "asr", "device", "cuda"),
    "WHISPER_COMPUTE_TYPE": ("float16", "asr", "compute_type", "float16"),
    "CHUNKFORMER_MODEL_NAME": (
        "khanhld/chunkformer-rnnt-large-vie",
        "asr",
        "chunkformer_model",
        "chunkformer/khanhld/chunkformer-rnnt-large-vie",
    ),
    "LLM_SUM_MODEL": ("cpatonn/Qwen3-4B", "audio", "model", "cpatonn/Qwen3-4B"),
    "LLM_ENHANCE_GPU_MEMORY_UTILIZATION": ("0.9", "engine", "vram_share", 0.9),
    "LOG_DIR": ("logs", "log", "dir", Path("logs")),
    "AUDIO_DIR": ("data/audio", "files", "dir", Path("data/audio")),
    "DAYS_TO_KEEP": ("7", "log", "keep_days", 7),
    "RETENTION_DAYS": ("14", "upkeep", "audio_keep_days", 14.0),
    "DISK_THRESHOLD": ("85", "upkeep", "disk_threshold_percent", 85.0),
    "DRY_RUN": ("true", "upkeep", "dry_run", True),
    "SKIP_CACHE": ("true", "upkeep", "skip_cache", True),
    "EMERGENCY_CLEANUP": ("True", "upkeep", "emergency", True),
}
"""A variable of that system, as it was written, and what it sets here."""


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_the_settings_of_another_system_are_understood(
    place: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == ".env":
        (place / ".env").write_text("".join(f"{name}={row[0]}\n" for name, row in OF_AI_C500.items()))
    else:
        for name, row in OF_AI_C500.items():
            monkeypatch.setenv(name, row[0])
    settings = load()
    for name, (_, section, field, value) in OF_AI_C500.items():
        assert getattr(getattr(settings, section), field) == value, name
    assert settings.files_dir == place / "data" / "audio"


def test_what_cannot_be_converted_is_named_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESULT_TTL", "a day")
    (line,) = problem()
    assert line.startswith("jobs.keep_days: ")

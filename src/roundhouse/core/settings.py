"""Every setting, with its unit, default and meaning. `docs/reference/settings.md` is generated from here.

Sources, the first that has a value wins: arguments, environment (`ROUNDHOUSE_<SECTION>__<NAME>`), the environment
names of systems whose users move here (`LEGACY_ENV`), `.env`, `roundhouse.toml` (or the file that
`ROUNDHOUSE_CONFIG` names), the default below. Settings are built once and passed down by section.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from roundhouse.core.settings_asr import AsrSettings as AsrSettings
from roundhouse.core.settings_audio import AudioSettings as AudioSettings
from roundhouse.core.settings_diarization import DiarizationSettings as DiarizationSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings as KnowledgeSettings
from roundhouse.core.settings_legacy import LEGACY_ENV as LEGACY_ENV
from roundhouse.core.settings_legacy import PLACEHOLDER_KEYS as PLACEHOLDER_KEYS
from roundhouse.core.settings_legacy import converted
from roundhouse.core.settings_lists import AliasSettings as AliasSettings
from roundhouse.core.settings_lists import DocumentWatchSettings as DocumentWatchSettings
from roundhouse.core.settings_lists import McpServerSettings as McpServerSettings
from roundhouse.core.settings_lists import PriceSettings as PriceSettings
from roundhouse.core.settings_lists import ProviderSettings as ProviderSettings
from roundhouse.core.settings_lists import WatchSettings as WatchSettings
from roundhouse.core.settings_live import LiveSettings as LiveSettings
from roundhouse.core.settings_section import Section as Section
from roundhouse.core.settings_sentence_transformers import (
    SentenceTransformersSettings as SentenceTransformersSettings,
)
from roundhouse.core.settings_tasks import TaskSettings as TaskSettings
from roundhouse.core.settings_upkeep import UpkeepSettings as UpkeepSettings
from roundhouse.core.settings_webhooks import WebhookSettings as WebhookSettings


class ServerSettings(Section):
    """The listening side."""

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs a key.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 = any free one.")
    open: bool = Field(False, description="Serve without keys; loopback only, Host and Origin are checked.")
    debug: bool = Field(False, description="Development: allows browsers from any localhost origin.")
    cors_origins: list[str] = Field([], description="Origins whose pages may call the API.")
    allowed_hosts: list[str] = Field([], description="Host names it answers to; empty = any well-formed one.")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest JSON body.")
    max_message_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="Largest message of a WebSocket; a larger one ends it."
    )
    header_timeout_s: float = Field(
        15.0, gt=0, description="A request's headers must be complete in this time."
    )
    body_timeout_s: float = Field(60.0, gt=0, description="Longest pause while a request's body arrives.")
    keep_alive_s: float = Field(75.0, gt=0, description="An idle connection is closed after this time.")
    max_connections: int = Field(10_000, ge=1, description="Connections at a time; more are answered 503.")
    drain_s: float = Field(30.0, ge=0, description="On stop, running requests get this long to end.")


class DbSettings(Section):
    """The database."""

    url: str = Field("", description="SQLAlchemy URL; empty = SQLite in the data folder.")
    pool_size: int = Field(
        5, ge=1, description="Connections kept open to PostgreSQL for reading, and as many for writing."
    )
    busy_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a lock or a connection.")


class CacheSettings(Section):
    """The response cache and shared counters."""

    url: str = Field("", description="`redis://…` to share between processes; empty = in this process.")
    responses: bool = Field(False, description="Keep answers of identical requests.")
    ttl_s: float = Field(300.0, gt=0, description="How long an answer is kept.")
    max_mib: int = Field(64, ge=1, description="Memory of the in-process cache.")
    max_item_bytes: int = Field(1024 * 1024, ge=1024, description="A larger answer is not kept.")


class LogSettings(Section):
    """Logs."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is written."
    )
    json_console: bool | None = Field(
        None, description="JSON on the console; unset = JSON unless it is a terminal."
    )
    dir: Path | None = Field(None, description="Folder for log files; unset = `logs` in the data folder.")
    max_mib: int = Field(100, ge=1, description="A log file is rotated at this size.")
    keep_days: int = Field(7, ge=1, description="Rotated files are deleted after this time.")
    requests: Literal["none", "errors", "all"] = Field("errors", description="Which requests get a line.")


class AccessSettings(Section):
    """Keys, tenants and usage."""

    secret_api_key: SecretStr | None = Field(None, description="A fixed admin key from the environment.")
    pepper: SecretStr | None = Field(
        None,
        description="Secret mixed into key hashes; unset = `pepper` in the data folder, made at first start.",
    )
    jwt_secret: SecretStr | None = Field(None, description="HS256 secret of the outer system's JWTs.")
    jwt_public_key: str | None = Field(None, description="PEM public key for RS256/ES256/EdDSA JWTs.")
    jwt_issuer: str | None = Field(None, description="Required `iss` of a JWT.")
    jwt_audience: str | None = Field(None, description="Required `aud` of a JWT.")
    core_secret: SecretStr | None = Field(None, description="HMAC secret of signed tenant headers.")
    core_scopes: list[str] = Field(
        ["inference", "models:read"], description="Most that a JWT or signed headers may be given."
    )
    signature_window_s: int = Field(300, ge=1, description="A signed request's time may differ by this much.")
    revocation_poll_s: float = Field(
        0.4, gt=0, le=1, description="How often changes by other processes are looked for."
    )
    offline_grace_s: float = Field(
        60.0, ge=0, description="Known keys work this long while the database is away."
    )
    usage_flush_s: float = Field(0.5, gt=0, le=1, description="Usage is written in batches this often.")
    usage_keep_days: int = Field(400, ge=1, description="Usage records are kept this long.")


class EngineSettings(Section):
    """Models in memory and calls to them."""

    vram_share: float = Field(0.85, gt=0, le=1, description="Share of a card's memory that models may fill.")
    vram_reserve_mib: int = Field(2048, ge=0, description="Memory of a card that stays free in any case.")
    ram_share: float = Field(0.6, gt=0, le=1, description="Share of RAM that models on the CPU may fill.")
    keep_alive_s: float = Field(300.0, ge=0, description="An idle model stays in memory this long.")
    queue_depth: int = Field(64, ge=0, description="Requests that may wait for memory, per device.")
    queue_timeout_s: float = Field(120.0, gt=0, description="Longest wait for memory.")
    sequential: bool = Field(False, description="One stage at a time on a card: the last model leaves first.")
    breaker_failures: int = Field(5, ge=1, description="Failures in a row that open a target's circuit.")
    breaker_open_s: float = Field(15.0, gt=0, description="An open circuit is tried again after this time.")
    catalog_ttl_s: float = Field(
        60.0, gt=0, description="A provider's list of models is asked for again after this."
    )
    discover: bool = Field(True, description="Look for Ollama, vLLM and llama.cpp on this machine at start.")
    discover_urls: list[str] = Field(
        ["http://127.0.0.1:11434", "http://127.0.0.1:8080", "http://127.0.0.1:8001", "http://127.0.0.1:1234"],
        description="Addresses at which they are looked for.",
    )
    outside_models: list[str] = Field(
        ["*/*:cloud", "*/*-cloud"],
        description="Patterns of models (`provider/model`) that are outside although their server is inside, for it "
        "passes requests on: tasks that are `local_only` leave them alone. By default Ollama's cloud models.",
    )


class JobSettings(Section):
    """Work that takes longer than a request, and the processes that do it."""

    executor: bool = Field(True, description="`roundhouse run` starts and supervises one executor.")
    queues: list[Literal["gpu", "cpu", "io", "flow"]] = Field(
        ["gpu", "cpu", "io", "flow"], min_length=1, description="Queues that an executor takes jobs from."
    )
    cpu_slots: int = Field(1, ge=1, le=256, description="Jobs of the queue `cpu` at a time, per executor.")
    io_slots: int = Field(8, ge=1, le=1024, description="Jobs of the queue `io` at a time, per executor.")
    flow_slots: int = Field(
        32, ge=1, le=4096, description="Jobs of the queue `flow` at a time, per executor."
    )
    max_queued: int = Field(
        50_000, ge=1, description="Jobs that may wait in one queue; more are answered 429."
    )
    max_queued_per_site: int = Field(
        20_000, ge=1, description="Jobs of one tenant that may wait in one queue."
    )
    lease_s: float = Field(
        30.0,
        ge=1,
        description="An executor that was not heard of for so long is dead, whatever its machine says.",
    )
    renew_s: float = Field(
        10.0, gt=0, validate_default=True, description="An executor tells so often that it lives."
    )
    gpu_lock: Path | None = Field(
        None,
        description="File whose lock is held by the one executor of this machine that runs jobs of the queue `gpu`; "
        "unset = `gpu.lock` in the data folder. Name the same file in every installation that shares the cards.",
    )
    drain_s: float = Field(
        10.0,
        ge=0,
        description="On stop, running jobs get this long to end; then they go back to their queue.",
    )
    keep_days: float = Field(7.0, gt=0, description="Ended jobs and their events are kept this long.")

    @field_validator("renew_s")
    @classmethod
    def _often_enough(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get("lease_s", value) / 2:
            raise ValueError("must be at most half of lease_s: one renewal may fail")
        return value


class EventSettings(Section):
    """The stream of events."""

    poll_ms: int = Field(
        20,
        ge=1,
        le=1000,
        description="SQLite: how often is looked for new events; half as often after two seconds without one.",
    )
    heartbeat_s: float = Field(15.0, gt=0, description="A silent stream sends a comment this often.")
    keep_days: float = Field(7.0, gt=0, description="Events are kept this long.")


class FileSettings(Section):
    """Files of users, and where their bytes are kept."""

    url: str = Field(
        "",
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?)?$",
        description="Where bytes are kept: empty = a folder; `s3://bucket/prefix` needs the extra `s3`.",
    )
    dir: Path | None = Field(
        None,
        description="Folder of the bytes, and of uploads on their way; unset = `blobs` in the data folder.",
    )
    endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="Address of the S3 service; empty = Amazon's of the region.",
    )
    region: str = Field("us-east-1", min_length=1, description="Region of the bucket.")
    access_key: SecretStr | None = Field(None, description="S3 access key; unset = the machine's own role.")
    secret_key: SecretStr | None = Field(None, description="S3 secret key.")
    bucket_in_host: bool = Field(
        False, description="Write the bucket into the host name, as some services demand."
    )
    max_bytes: int = Field(5 * 1024**3, ge=1024, description="Largest file.")
    max_site_bytes: int = Field(100 * 1024**3, ge=1024, description="Most bytes of all files of one tenant.")
    max_site_files: int = Field(100_000, ge=1, description="Most files of one tenant.")
    max_uploads: int = Field(
        32, ge=1, le=1024, description="Uploads at a time in one process, half of them by one tenant."
    )
    upload_timeout_s: float = Field(6 * 3600.0, gt=0, description="Longest time of one upload.")
    reserve_mib: int = Field(256, ge=0, description="Space on the disk that uploads leave to the database.")
    keep_days: float | None = Field(
        None, gt=0, description="Files that name no end of their own are deleted after this; unset = never."
    )

    def folder(self, data_dir: Path) -> Path:
        """The folder of bytes with its default filled in."""
        return (self.dir or data_dir / "blobs").expanduser().resolve()


class ChatSettings(Section):
    """Durable chats."""

    default_model: str = Field(
        "auto", min_length=1, max_length=200, description="Model of sessions that name none."
    )
    max_memories: int = Field(1000, ge=1, description="Long-term memories of one user.")
    cleanup_days: float | None = Field(
        None,
        gt=0,
        description="Sessions that were not changed for so long are cleaned up once a day; unset = never. Pinned ones "
        "never are.",
    )
    cleanup_action: Literal["archive", "delete"] = Field("archive", description="What is done with them.")
    deleted_keep_days: float | None = Field(
        30.0,
        gt=0,
        description="Deleted sessions can be restored this long, then they are removed; unset = always.",
    )


class OutboundSettings(Section):
    """Requests that leave the house."""

    allow_networks: list[str] = Field(
        [], description="Private networks (CIDR) that URLs from users may reach."
    )
    client: Literal["lean", "aiohttp"] = Field(
        "lean",
        description="HTTP client for model servers; `aiohttp` for a server that `lean` does not get on with.",
    )
    ca_file: Path | None = Field(None, description="Extra certificate authorities (PEM).")
    media_max_bytes: int = Field(
        20 * 1024 * 1024, ge=1024, description="Largest image fetched for a request."
    )
    media_timeout_s: float = Field(20.0, gt=0, description="Time limit for fetching it.")
    max_connections_per_host: int = Field(512, ge=1, description="Connections kept to one model server.")


class Settings(BaseSettings):
    """All sections."""

    model_config = SettingsConfigDict(
        env_prefix="ROUNDHOUSE_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path("data"), description="Folder of everything that is kept.")
    server: ServerSettings = ServerSettings()
    db: DbSettings = DbSettings()
    cache: CacheSettings = CacheSettings()
    log: LogSettings = LogSettings()
    access: AccessSettings = AccessSettings()
    engine: EngineSettings = EngineSettings()
    jobs: JobSettings = JobSettings()
    events: EventSettings = EventSettings()
    files: FileSettings = FileSettings()
    chat: ChatSettings = ChatSettings()
    audio: AudioSettings = AudioSettings()
    asr: AsrSettings = AsrSettings()
    diarization: DiarizationSettings = DiarizationSettings()
    live: LiveSettings = LiveSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    sentence_transformers: SentenceTransformersSettings = SentenceTransformersSettings()
    tasks: TaskSettings = TaskSettings()
    upkeep: UpkeepSettings = UpkeepSettings()
    outbound: OutboundSettings = OutboundSettings()
    webhooks: WebhookSettings = WebhookSettings()
    providers: list[ProviderSettings] = []
    aliases: list[AliasSettings] = []
    prices: list[PriceSettings] = []
    mcp_servers: list[McpServerSettings] = []
    watched_folders: list[WatchSettings] = []
    watched_documents: list[DocumentWatchSettings] = []

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._given = given

    @property
    def given(self) -> dict[str, Any]:
        """What was said beside all sources: arguments of the command line, nested by section."""
        return self._given

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def db_url(self) -> str:
        """The database's URL with its default filled in."""
        return self.db.url or f"sqlite+aiosqlite:///{self.data_dir / 'roundhouse.db'}"

    @property
    def log_dir(self) -> Path:
        """The folder of log files with its default filled in."""
        return self.log.dir or self.data_dir / "logs"

    @property
    def files_dir(self) -> Path:
        """The folder of files' bytes with its default filled in."""
        return self.files.folder(self.data_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the legacy names and the TOML file in their places."""
        path = settings_cls.model_config.get("toml_file") or config_path()
        return (
            init_settings,
            env_settings,
            LegacyEnv(settings_cls),
            dotenv_settings,
            LegacyDotEnv(settings_cls),
            TomlConfigSettingsSource(settings_cls, path),
        )


class LegacyEnv(EnvSettingsSource):
    """The names of `LEGACY_ENV` in the environment."""

    def _legacy_values(self) -> dict[str, str | None]:
        return dict(os.environ)

    def __call__(self) -> dict[str, Any]:
        """Nested values by section."""
        found: dict[str, Any] = {}
        values = self._legacy_values()
        for name, (section, field) in LEGACY_ENV.items():
            value = values.get(name)
            if value:
                found.setdefault(section, {})[field] = converted(name, value)
        return found


class LegacyDotEnv(LegacyEnv):
    """The names of `LEGACY_ENV` in `.env`."""

    def _legacy_values(self) -> dict[str, str | None]:
        read = DotEnvSettingsSource(self.settings_cls, case_sensitive=True)
        return {name.upper(): value for name, value in read.env_vars.items()}


def config_path() -> Path:
    """The settings file that is read when none is named by an argument."""
    return Path(os.environ.get("ROUNDHOUSE_CONFIG", "roundhouse.toml"))


def environment() -> dict[str, str]:
    """The variables of `ROUNDHOUSE_…` by name, those of `.env` included where they are in force."""
    read = DotEnvSettingsSource(Settings, case_sensitive=True)
    found = {name.upper(): value or "" for name, value in read.env_vars.items()} | dict(os.environ)
    return {name: value for name, value in found.items() if name.startswith("ROUNDHOUSE_")}


def wants_no_color() -> bool:
    """Whether the user asked for output without colour.

    Source:
        no-color.org: present and not empty, whatever the value.
    """
    return bool(os.environ.get("NO_COLOR"))

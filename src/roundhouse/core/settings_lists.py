"""Settings of which there may be several, written as lists of tables, such as `[[providers]]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from roundhouse.core.settings_section import Section


class TimeoutSettings(Section):
    """Time limits of one call to a model server, in seconds."""

    connect_s: float = Field(5.0, gt=0, description="Until the connection stands.")
    first_byte_s: float = Field(300.0, gt=0, description="Until the answer begins.")
    idle_s: float = Field(120.0, gt=0, description="Longest pause in the answer.")
    total_s: float = Field(1800.0, gt=0, description="From start to end.")


class ProviderSettings(Section):
    """A provider written into `roundhouse.toml`; read-only through the API."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", description="Unique name.")
    kind: str = Field(description="`openai`, `ollama`, `vllm`, `anthropic`, `jina` or a plugin's.")
    url: str = Field("", description="Address of its API.")
    key: SecretStr | None = Field(None, description="Its key.")
    headers: dict[str, str] = Field({}, description="Extra request headers.")
    models: list[str] = Field([], description="Its models, when it cannot list them.")
    options: dict[str, Any] = Field({}, description="Settings of its kind.")
    timeouts: TimeoutSettings = Field(TimeoutSettings(), description="Time limits.")
    max_concurrent: int = Field(64, ge=1, description="Requests in flight at a time.")
    max_waiting: int = Field(1024, ge=0, description="Requests that may wait.")
    retries: int = Field(1, ge=0, le=10, description="Further tries after a retryable error.")


class AliasSettings(Section):
    """An alias written into `roundhouse.toml`; read-only through the API."""

    name: str = Field(min_length=1, max_length=200, description="Name that clients write.")
    targets: list[str] = Field(min_length=1, description="Models in order of preference, `provider/model`.")
    context_fallbacks: list[str] = Field([], description="Models for requests that do not fit the others.")
    cache_ttl_s: float | None = Field(None, ge=0, description="Response cache of this alias; 0 = never.")


class PriceSettings(Section):
    """Price of one model."""

    model: str = Field(description="`provider/model`, with `*` as wildcard.")
    input_usd_per_mtok: float = Field(0.0, ge=0, description="US dollars per million prompt tokens.")
    output_usd_per_mtok: float = Field(0.0, ge=0, description="US dollars per million completion tokens.")
    cached_usd_per_mtok: float | None = Field(None, ge=0, description="Per million cached prompt tokens.")


class McpServerSettings(Section):
    """A program of this machine that is an MCP server; it is started when one of its tools is first called."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="Unique name.")
    command: list[str] = Field(min_length=1, description="Program and arguments.")
    env: dict[str, SecretStr] = Field({}, description="Variables besides `PATH`, `HOME` and the like.")
    cwd: Path | None = Field(None, description="Folder it runs in; unset = that of Roundhouse.")


class WatchSettings(Section):
    """A folder of which every recording that is laid into it is taken in."""

    path: Path = Field(description="The folder, by its whole path, as the process that runs jobs sees it.")
    site_id: str = Field("default", min_length=1, max_length=200, description="Tenant of the recordings.")
    user_id: str | None = Field(None, min_length=1, max_length=200, description="Their user.")
    app_id: str | None = Field(None, min_length=1, max_length=200, description="Their app.")
    fields: dict[str, str | bool | int | float | list[str]] = Field(
        {}, description="Fields of `POST /v1/process`: `language`, `features`, `template_id` and so on."
    )
    afterwards: Literal["move", "leave"] = Field(
        "move",
        description="At the end a file goes to `done` or `failed` inside the folder, or it stays; `leave` writes "
        "nothing into the folder.",
    )
    results: list[Literal["txt", "srt", "vtt", "json", "md", "docx"]] = Field(
        [], description="What is written into `out` when a recording is complete."
    )
    out: Path = Field(Path("out"), description="Folder of the results; relative = inside the watched one.")
    stable_s: float = Field(
        10.0, ge=0, le=86_400.0, description="A file is taken once it has not changed for so long."
    )


class DocumentWatchSettings(Section):
    """A folder whose files are the documents of a vector store."""

    path: Path = Field(description="The folder, by its whole path, as the process that runs jobs sees it.")
    store: str = Field(
        min_length=1, max_length=256, description="Name or id of the vector store; one of a new name is made."
    )
    embedding_model: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Of a store that is made; unset = `knowledge.embedding_model`.",
    )
    site_id: str = Field("default", min_length=1, max_length=200, description="Tenant of the documents.")
    user_id: str | None = Field(None, min_length=1, max_length=200, description="Their user.")
    app_id: str | None = Field(None, min_length=1, max_length=200, description="Their app.")
    attributes: dict[str, str | int | float | bool] = Field(
        {}, max_length=15, description="Attributes of each, to filter by; `path` is its name in the folder."
    )
    afterwards: Literal["leave", "move"] = Field(
        "leave",
        description="`leave`: the store holds what lies in the folder, and a changed file takes the place of what it "
        "was; `move`: at the end a file goes to `done` or `failed` inside the folder.",
    )
    removed: Literal["keep", "take_out"] = Field(
        "keep",
        description="What becomes of the document of a file that is gone from the folder; only with `leave`.",
    )
    stable_s: float = Field(
        10.0, ge=0, le=86_400.0, description="A file is taken once it has not changed for so long."
    )

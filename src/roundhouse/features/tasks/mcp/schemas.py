"""Wire shapes of MCP servers that are imported."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Change = Literal["new", "same", "changed", "gone", "unusable"]
Header = Annotated[str, Field(max_length=8192, pattern=r"^[\x20-\x7e]*$")]
HeaderName = Annotated[str, Field(max_length=100, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class McpAuth(_Input):
    """What the server wants to be told; kept encrypted, never shown."""

    bearer: Header | None = None
    headers: dict[HeaderName, Header] = Field({}, max_length=20)

    def all_headers(self) -> dict[str, str]:
        """As headers."""
        told = {} if self.bearer is None else {"Authorization": f"Bearer {self.bearer}"}
        return told | self.headers


class McpImport(_Input):
    """A server whose tools are to become capabilities."""

    url: str | None = Field(None, max_length=2000, description="http(s) URL, streamable HTTP.")
    server: str | None = Field(
        None, max_length=64, description="Or a program of the settings, `mcp.servers`; for admins."
    )
    auth: McpAuth | None = None
    prefix: str | None = Field(
        None,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)*$",
        description="Capabilities are `<prefix>.<tool>`; unset = the host's name, or that of the program.",
    )
    include: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, max_length=200, description="Patterns of tools' names with `*`; unset = all."
    )
    apply: bool = Field(False, description="Without it nothing is written.")

    @model_validator(mode="after")
    def _one_place(self) -> McpImport:
        if (self.url is None) == (self.server is None):
            raise ValueError("give a url or a server, one of them")
        return self


class McpApprove(_Input):
    """A changed tool that was looked at."""

    capability: str = Field(min_length=1, max_length=128)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the tool as it was shown.")


class McpTool(BaseModel):
    """A tool of a server, and the capability that it is or would be."""

    tool: str
    capability: str
    change: Change = Field(
        description="Against what is registered. What changed, or is gone, is not called any more."
    )
    digest: str = Field(description="SHA-256 of name, description and schemas as the server tells them.")
    approved_digest: str | None = Field(description="Of what was approved; null = nothing was.")
    enabled: bool
    reason: str | None = Field(description="Why it cannot be used.")
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None


class McpImported(BaseModel):
    """Tools of a server."""

    object: Literal["mcp.import"] = "mcp.import"
    server: str = Field(description="URL, or the program's name.")
    applied: bool
    tools: list[McpTool]


class McpChecked(BaseModel):
    """What was found at the servers that were imported."""

    object: Literal["mcp.check"] = "mcp.check"
    checked: int = Field(description="Servers that were asked.")
    disabled: list[str] = Field(
        description="Capabilities that are not called any more until they are approved."
    )
    unreachable: dict[str, str] = Field(description="Servers that did not tell, and why.")

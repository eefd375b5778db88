"""An MCP server as people write one, with the SDK's decorators."""

import os
import sys
from typing import TypedDict

from mcp.server.mcpserver import MCPServer

server = MCPServer("counting")


class Sum(TypedDict):
    """What comes of it."""

    sum: int


@server.tool()
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Xin chào {name}"


@server.tool()
def die() -> str:
    """End the process."""
    os._exit(1)


if sys.argv[1] == "stdio":
    server.run("stdio")
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))

"""An MCP server for tests: over stdio, or over streamable HTTP if the argument is a port."""

import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("tiny", log_level="CRITICAL")


@server.tool()
def tell_key(context: Context) -> str:
    """Return the idempotency key of this call."""
    return _key(context)


@server.tool(structured_output=False)
def draw() -> list[Any]:
    """Return a text and a picture."""
    return ["a dot", Image(data=b"\x89PNG", format="png")]


@server.tool()
def refuse() -> str:
    """Fail with a tool error."""
    raise ToolError("the shelf is empty")


@server.tool()
def note_key(path: str, context: Context) -> str:
    """Append the idempotency key to a file; exit before the very first answer."""
    file = Path(path)
    is_first = not file.exists()
    with file.open("a") as keys:
        keys.write(f"{_key(context)}\n")
    if is_first:
        os._exit(1)
    return "noted"


def _key(context: Context) -> str:
    return str(dict(context.request_context.meta or {})["perdure/idempotency-key"])


if __name__ == "__main__":
    if sys.argv[1:]:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()

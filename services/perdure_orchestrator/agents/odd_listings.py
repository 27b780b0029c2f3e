"""Mends lists of tools as they arrive: one odd schema must not hide the other tools of its server.

mcp's client refuses a whole ``tools/list`` for one schema without ``"type": "object"``, and the result of a tool whose
schema of its output is none. JSON Schema allows both, and servers send them.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

if TYPE_CHECKING:
    from types import TracebackType

    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage

__all__ = ["mended"]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def mended(transport: AbstractAsyncContextManager[TransportStreams]) -> AsyncIterator[TransportStreams]:
    """Open a transport whose messages are mended."""
    async with transport as (read, write):
        yield _Mended(read), write


def _mended_tools(tools: list[Any]) -> list[Any]:
    """Return the tools that have a name, as mcp's client takes them."""
    kept = [_mended_tool(tool) for tool in tools if isinstance(tool, dict) and isinstance(tool.get("name"), str)]
    if len(kept) < len(tools):
        _log.warning("%d tools of an MCP server have no name, and are left out", len(tools) - len(kept))
    return kept


def _mended_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool without what the client does not take: parts of its schema, or all but its name and description."""
    given = tool.get("inputSchema")
    schema = {**(given if isinstance(given, dict) else {}), "type": "object"}
    kinds = {"properties": dict, "required": list, "$schema": str}
    schema = {word: value for word, value in schema.items() if isinstance(value, kinds.get(word, object))}
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if isinstance(name, str)]
    if "properties" in schema:  # what is no schema there may be anything
        parts = schema["properties"].items()
        schema["properties"] = {name: part if isinstance(part, dict | bool) else {} for name, part in parts}
    output = tool.get("outputSchema")
    shapes = {"outputSchema": output} if isinstance(output, dict) and output.get("type") == "object" else {}
    more = {word: value for word, value in tool.items() if word not in {"inputSchema", "outputSchema"}}
    description = {"description": more["description"]} if isinstance(more.get("description"), str) else {}
    known = {"name": tool["name"], **description}
    candidates = ({**more, "inputSchema": schema, **shapes}, {**known, "inputSchema": schema})
    return next(filter(_is_taken, candidates), {**known, "inputSchema": {"type": "object"}})


def _is_taken(tool: dict[str, Any]) -> bool:
    """Return whether mcp's client takes the tool in each version of the protocol: their models differ."""
    from mcp_types.methods import parse_server_result  # noqa: PLC0415 (a slow import: only workers that call tools pay)
    from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION  # noqa: PLC0415 (likewise)

    listed = {"tools": [tool], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    try:
        for version in (LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION):
            parse_server_result("tools/list", version, listed)
    except ValidationError:
        return False
    return True


class _Mended:
    """A stream of received messages."""

    def __init__(self, inner: ReadStream[SessionMessage | Exception]) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def receive(self) -> SessionMessage | Exception:
        return _mended_message(await self._inner.receive())

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return _mended_message(await self._inner.__anext__())

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


def _mended_message(received: SessionMessage | Exception) -> SessionMessage | Exception:
    result = None if isinstance(received, Exception) else getattr(received.message, "result", None)
    if isinstance(result, dict) and isinstance(result.get("tools"), list):
        result["tools"] = _mended_tools(result["tools"])
        if not isinstance(result.get("nextCursor"), str):
            result.pop("nextCursor", None)
    return received

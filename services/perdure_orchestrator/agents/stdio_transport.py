"""MCP over the pipes of a server's process: one JSON-RPC message a line.

mcp's own transport hides the process: how it ended, and what remains of its group.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from perdure_orchestrator.agents.broken_text import mended_json
from perdure_orchestrator.agents.server_process import END_WITHIN, ServerProcess
from perdure_orchestrator.agents.stdio_lines import LongLine, answered_id, lines
from perdure_orchestrator.agents.unreadable import MOST_BYTES, TOO_DEEP, TOO_LONG

if TYPE_CHECKING:
    from anyio import CancelScope
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage

__all__ = ["stdio_transport"]

_SHOWN: Final = 200  # characters of an answer that is none


@asynccontextmanager
async def stdio_transport(
    start: Callable[[], Awaitable[ServerProcess]], other_output: Callable[[str], None]
) -> AsyncIterator[TransportStreams]:
    """Exchange messages with a process, which has ended when the block has.

    Args:
        start: Starts it.
        other_output: Receives the lines that are no messages, such as what a wrapper prints.
    """
    import anyio  # noqa: PLC0415 (only workers that call tools pay for it)
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 (a slow import)

    process = await start()  # nothing is awaited from here to the block: a cancellation would leave it behind
    sent, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_send, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks, received, to_send:
            tasks.start_soon(_read, process, sent, other_output)
            tasks.start_soon(_write, process, outgoing, sent)
            tasks.start_soon(process.stop_after_own_end)
            try:
                yield received, to_send
            finally:
                with anyio.CancelScope(shield=True):
                    received.close()  # the reader goes on, so that a server which writes can also end
                    await process.stop()
                tasks.cancel_scope.cancel()
    finally:
        for stream in (sent, outgoing):
            stream.close()


async def _read(
    process: ServerProcess,
    sent: MemoryObjectSendStream[SessionMessage | Exception],
    other_output: Callable[[str], None],
) -> None:
    import anyio  # noqa: PLC0415 (as above)

    stdout = process.child.stdout
    if stdout is None:
        raise RuntimeError("the process has no output")
    async with sent, anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_after_exit, process, tasks.cancel_scope)
        async for line in lines(stdout):
            messages = _messages(line)
            if not messages and (text := _other_output(line)):
                other_output(text)
            for message in messages:
                with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # nobody reads any more
                    await sent.send(message)
        tasks.cancel_scope.cancel()


async def _cancel_after_exit(process: ServerProcess, reading: CancelScope) -> None:
    """End the reading of a process that has ended, also if a child of it holds its output open."""
    await process.exited.wait()
    await asyncio.sleep(END_WITHIN)
    reading.cancel()


async def _write(
    process: ServerProcess,
    outgoing: MemoryObjectReceiveStream[SessionMessage],
    sent: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    stdin = process.child.stdin
    if stdin is None:
        raise RuntimeError("the process has no input")
    try:
        async with outgoing:
            async for message in outgoing:
                stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await stdin.drain()
    except OSError:
        sent.close()  # a server that reads no more answers no more: its session ends


def _other_output(line: bytes | LongLine) -> str:
    if isinstance(line, LongLine):
        return f"A line of its output is longer than {MOST_BYTES >> 20} MiB, and was left out"
    return line.decode(errors="replace").strip()


def _messages(line: bytes | LongLine) -> list[SessionMessage]:
    """Return the messages of a line: one, those of a batch, or none if it is other output."""
    if isinstance(line, LongLine):
        return _unread(line, TOO_LONG)
    try:
        value = json.loads(mended_json(line))
    except ValueError:
        return []
    except RecursionError:
        return _unread(line, TOO_DEEP)
    found = (_message(it) for it in (value if isinstance(value, list) else [value]) if isinstance(it, dict))
    return [message for message in found if message is not None]


def _unread(line: bytes | LongLine, why: str) -> list[SessionMessage]:
    """Return an error in place of an answer, if it is known whose it is."""
    request = answered_id(line)
    return [] if request is None else [_error(request, why)]


def _message(value: dict[str, Any]) -> SessionMessage | None:
    with suppress(ValueError):
        return _read_message(value)
    if "method" in value or not isinstance(value.get("id"), int | str):
        return None
    return _error(value["id"], f"its answer is none of JSON-RPC: {json.dumps(value)[:_SHOWN]}")


def _error(request: int | str, text: str) -> SessionMessage:
    """Return an answer all the same: whoever waits would wait until the time is over, and repeat the call's effect."""
    from mcp.types import INVALID_REQUEST  # noqa: PLC0415 (a slow import)

    return _read_message({"jsonrpc": "2.0", "id": request, "error": {"code": INVALID_REQUEST, "message": text}})


def _read_message(fields: dict[str, Any]) -> SessionMessage:
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 (as above)
    from mcp.types import jsonrpc_message_adapter  # noqa: PLC0415 (as above)

    return SessionMessage(jsonrpc_message_adapter.validate_python(fields, by_name=False))

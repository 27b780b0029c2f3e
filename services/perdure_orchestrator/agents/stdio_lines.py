"""The lines that a server's process writes, up to a length, and whose answer one is that is not read."""

from __future__ import annotations

import re
from asyncio import StreamReader
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from perdure_orchestrator.agents.unreadable import MOST_BYTES

__all__ = ["LongLine", "answered_id", "lines"]

_CHUNK: Final = 1 << 16  # bytes
_KEPT: Final = 256  # bytes of either end of a line that is too long

_ID: Final = rb'"id"\s*:\s*(?:(?P<number>\d{1,18})|"(?P<text>[^"\\]{0,100})")\s*'
_VERSION: Final = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_IS_ANSWER: Final = rb'"(?:result|error)"\s*:'
_ID_FIRST: Final = re.compile(rb"\s*\{\s*(?:%b,\s*)?%b,\s*(?:%b,\s*)?%b" % (_VERSION, _ID, _VERSION, _IS_ANSWER))
_ANSWER_FIRST: Final = re.compile(rb"\s*\{\s*(?:%b,\s*)?%b" % (_VERSION, _IS_ANSWER))
_ID_LAST: Final = re.compile(rb",\s*%b(?:,\s*%b)?\}\s*$" % (_ID, _VERSION))


@dataclass(frozen=True, slots=True)
class LongLine:
    """The ends of a line that is too long to be read."""

    beginning: bytes
    end: bytes


class _Unended:
    """The line that is being read."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._beginning = self._end = b""

    def add(self, part: bytes) -> None:
        self._size += len(part)
        self._beginning += part[: _KEPT - len(self._beginning)]
        self._end = (self._end + part)[-_KEPT:]
        if self._size > MOST_BYTES:
            self._parts.clear()
        else:
            self._parts.append(part)

    def ended(self) -> bytes | LongLine:
        if self._size > MOST_BYTES:
            return LongLine(self._beginning, self._end)
        return b"".join(self._parts)


async def lines(stdout: StreamReader) -> AsyncIterator[bytes | LongLine]:
    """Yield all lines, also the last one without its end; at most ``MOST_BYTES`` of one are kept."""
    line = _Unended()
    while chunk := await stdout.read(_CHUNK):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line.add(end)
            yield line.ended()
            line = _Unended()
        line.add(rest)
    yield line.ended()


def answered_id(line: bytes | LongLine) -> int | str | None:
    """Return the id of the request that a line answers, without reading all of it; None if none stands at its ends."""
    beginning, end = (line[:_KEPT], line[-_KEPT:]) if isinstance(line, bytes) else (line.beginning, line.end)
    found = _ID_FIRST.match(beginning)
    if found is None and _ANSWER_FIRST.match(beginning):
        found = _ID_LAST.search(end)
    if found is None:
        return None
    return int(found["number"]) if found["number"] else found["text"].decode(errors="replace")

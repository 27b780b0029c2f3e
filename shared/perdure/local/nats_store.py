"""Bounds the store of an embedded nats-server, and finds out when it stores nothing because its disk was full.

The first write that fails stops a stream for good: it acknowledges nothing until the server is started anew, also
after there is room again. ``/healthz`` names it, unless it is asked only whether JetStream is enabled. And what a
server may store at most is fixed when it starts: one that started on a full disk goes on refusing.

Source: nats-server 2.15, filestore.go (``setWriteErr``), monitor.go (``healthz``), jetstream.go (``storeMax``).
"""

from pathlib import Path
from typing import Any, Final

import httpx2

from perdure.local.disk import free_bytes
from perdure.local.loopback import loopback_client
from perdure.local.trouble import Trouble
from perdure.values.size_text import size_text

__all__ = ["NatsStore", "bound_reached", "has_no_room", "write_error"]

_LASTING: Final = ("write error", "JetStream not enabled")
_SHARE: Final = 0.75  # of what is free; the rest is for the other parts of a suite
_ROOM: Final = 8 * 1024 * 1024  # bytes that make a new start worthwhile
_NEARLY: Final = 0.95  # of what a server may store
_LAST_ROOM: Final = 1024 * 1024  # bytes: as long as a message may be by default
_WITHIN: Final = 5.0  # seconds; the machine may be busy


class NatsStore:
    """The store of an embedded nats-server.

    Args:
        folder: Holds the streams.
        monitor: URL of the server's monitoring.
    """

    def __init__(self, folder: Path, monitor: str) -> None:
        self._folder = folder
        self._monitor = monitor
        self._free_at_start = 0

    def bound(self) -> int:
        """Return how many bytes a server that starts now may store: what it has stored, and three quarters of the rest.

        By default nats-server counts only the rest, and refuses all once it has stored more than that.
        """
        self._free_at_start = free_bytes(self._folder)
        stored = sum(file.stat().st_size for file in (self._folder / "jetstream").rglob("*") if file.is_file())
        return stored + int(_SHARE * self._free_at_start)

    async def trouble(self) -> Trouble | None:
        """Return why the running server stores nothing, if it does not."""
        error = await write_error(self._monitor) or await self._bound_reached()
        if error is None:
            return None
        free = free_bytes(self._folder)
        if free < _ROOM:
            room = f"{size_text(free)} are free at {self._folder}"
            return Trouble(f"its disk is full, so it stores and acknowledges nothing ({room})", restart_helps=False)
        what = f"it stores nothing since its disk was full, and {size_text(free)} are free again ({error})"
        return Trouble(what, restart_helps=True)

    async def _bound_reached(self) -> str | None:
        """Return that the server has reached its bound, if it is that of a fuller disk, or the disk is full now."""
        reached, free = await bound_reached(self._monitor), free_bytes(self._folder)
        return None if reached is None or _ROOM <= free < 2 * self._free_at_start + _ROOM else reached


async def write_error(monitor: str) -> str | None:
    """Return the error because of which a server stores nothing any more; None if it has none, or does not reply."""
    error = str((await _asked(f"{monitor}/healthz")).get("error", ""))
    return error if any(words in error for words in _LASTING) else None


async def bound_reached(monitor: str) -> str | None:
    """Return that a server has stored nearly as much as it may; None if it has room, or does not reply."""
    stored, most = await _stored(monitor)
    return f"it has stored {size_text(stored)} of {size_text(most)}" if most and stored >= _NEARLY * most else None


async def has_no_room(monitor: str) -> bool:
    """Return whether a server refuses messages, or soon will: its bound leaves room for no large one."""
    stored, most = await _stored(monitor)
    return most > 0 and most - stored < _LAST_ROOM


async def _stored(monitor: str) -> tuple[int, int]:
    """Return how many bytes a server has stored, and how many it may; zeros if it does not reply."""
    found = await _asked(f"{monitor}/jsz")
    try:
        return int(found["storage"]), int(found["config"]["max_storage"])
    except (KeyError, TypeError, ValueError):
        return 0, 0


async def _asked(url: str) -> dict[str, Any]:
    async with loopback_client(within=_WITHIN) as client:
        try:
            found = (await client.get(url)).json()
        except (httpx2.HTTPError, ValueError):
            return {}
    return found if isinstance(found, dict) else {}

"""Handling in the order of storage: one message at a time in each lane, whatever its consumer delivers first.

A lane is what must keep an order, such as the messages to one run. A message that fails waits in its lane and is tried
again there: the next one must not overtake it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from perdure.bus.port import StoredMessage

__all__ = ["HeldDelivery", "Lanes", "ServerDelivery"]

_LONGEST_WAIT: Final = 2.0  # seconds between two attempts; the run that a message waits for may begin at any moment
_FIRST_ATTEMPTS: Final = 30
_LATER_WAIT: Final = 10.0
_STOP_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class ServerDelivery(Protocol):
    """A delivery as the server sees it: held until it is settled, by renewing its ack wait."""

    async def ack(self) -> None:
        """Acknowledge the message."""

    async def nak(self, delay: float) -> None:
        """Give the message back."""

    async def term(self) -> None:
        """Stop redelivery."""

    async def in_progress(self) -> None:
        """Renew the ack wait."""


@dataclass(slots=True, eq=False)
class HeldDelivery:
    """A message in its lane; see ``Delivery``.

    Attributes:
        message: The stored message.
        server: Its newest delivery; None while the message was only read from the stream, ahead of its delivery.
        deliveries: How often it was tried, this time included.
        is_settled: Whether it leaves its lane.
        is_dead_lettered: Whether it leaves its lane as a dead letter.
        wait: Seconds until the next attempt.
    """

    message: StoredMessage
    server: ServerDelivery | None = None
    deliveries: int = 0
    is_settled: bool = False
    is_dead_lettered: bool = False
    wait: float = 0.0

    async def ack(self) -> None:
        """Acknowledge the message, now or as soon as it is delivered."""
        self.is_settled = True
        if self.server is not None:
            await self.server.ack()

    async def term(self) -> None:
        """Stop redelivery, now or as soon as it is delivered."""
        self.is_settled = self.is_dead_lettered = True
        if self.server is not None:
            await self.server.term()

    async def nak(self, delay: float) -> None:
        """Keep the message at the head of its lane, for so many seconds at most."""
        self.wait = min(delay, _LONGEST_WAIT if self.deliveries < _FIRST_ATTEMPTS else _LATER_WAIT)


@dataclass(slots=True)
class Lanes:
    """The lanes of one stream; each message that is held has a task.

    A message may be in several lanes, and is handled once it is the first of all of them. Messages are added in the
    order of storage, so two can never wait for each other. One without a lane waits for no other.

    Attributes:
        attempt: Handles one message and settles it; a nak keeps it in its lanes.
        concurrency: How many messages are handled at the same time; those that wait do not count.
        done: Called with each message that has left its lanes.
    """

    attempt: Callable[[HeldDelivery], Awaitable[None]]
    concurrency: int
    done: Callable[[HeldDelivery], None]
    _last: dict[str, asyncio.Event] = field(default_factory=dict)  # by lane: set once its newest message has left it
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _busy: set[asyncio.Task[None]] = field(default_factory=set)
    _stopped: bool = False
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    def add(self, lanes: Collection[str], held: HeldDelivery) -> None:
        """Put a message at the end of its lanes."""
        self._stopped = False
        left, names = asyncio.Event(), set(lanes)
        before = [self._last[name] for name in names if name in self._last]
        self._last |= dict.fromkeys(names, left)
        task = asyncio.create_task(self._work(held, before, left, names))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Let the attempts under way end, for a few seconds at most; what is not settled then stays unsettled."""
        self._stopped = True
        for task in self._tasks - self._busy:
            task.cancel()
        self._last.clear()
        if self._busy:
            await asyncio.wait(self._busy, timeout=_STOP_SECONDS)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(
        self, held: HeldDelivery, before: Sequence[asyncio.Event], left: asyncio.Event, names: Collection[str]
    ) -> None:
        for older in before:
            await older.wait()
        while not held.is_settled:
            async with self._slots:
                await self._attempt(held)
            if not held.is_settled:
                if self._stopped:
                    return
                await asyncio.sleep(held.wait)
        self.done(held)
        left.set()
        for name in names:
            if self._last.get(name) is left:
                del self._last[name]

    async def _attempt(self, held: HeldDelivery) -> None:
        held.deliveries += 1
        held.wait = _LONGEST_WAIT
        if task := asyncio.current_task():
            self._busy.add(task)
        try:
            await self.attempt(held)
        except Exception:  # noqa: BLE001 (the boundary: a lane must not end; what is settled is settled)
            _log.exception("cannot settle %s %d", held.message.stream, held.message.sequence)
        finally:
            self._busy -= {task}

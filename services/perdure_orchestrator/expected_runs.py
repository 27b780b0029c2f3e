"""Whether a run that has not begun may begin: its start is known, or held by flow control."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, StoredMessage
from perdure.bus.envelope import held_run
from perdure.contracts import StartWorkflow
from perdure.errors import Unavailable

__all__ = ["ExpectedRuns", "NotBegun"]

_HELD: Final = ("waiting.>", "latest.>")  # the queues of ingest
_FRESH_SECONDS: Final = 2.0  # the queues are read once in so long, however many decisions wait
_BACKLOG_SECONDS: Final = 1.0


class NotBegun(Unavailable):
    """A message is for a run that Temporal does not know.

    Attributes:
        workflow_id: The run.
        is_needless: Whether the message says nothing if the run never begins.
    """

    def __init__(self, workflow_id: str, *, is_needless: bool = False) -> None:
        super().__init__(f"No run {workflow_id} has begun yet")
        self.workflow_id = workflow_id
        self.is_needless = is_needless


class ExpectedRuns:
    """Looks for starts that have not taken effect.

    Args:
        bus: Holds the queues of held starts.
        signals_wait: For so long every run may still begin: its event may be on its way.
        now: Returns the time (UTC) of the server that stores the messages.
    """

    def __init__(self, bus: Bus, signals_wait: timedelta, *, now: Callable[[], datetime]) -> None:
        self._bus = bus
        self._signals_wait = signals_wait
        self._now = now
        self._held: set[str] = set()
        self._read_at = -_FRESH_SECONDS
        self._reading = asyncio.Lock()

    def is_recent(self, stored_at: datetime) -> bool:
        """Return whether what was stored then (UTC) may be ahead of the start of its run."""
        return self._now() - stored_at < self._signals_wait

    async def has_start(self, workflow_id: str) -> bool:
        """Return whether a start of this run is held, or may be among the commands that the bridge has not handled.

        The order is that of a start's way, so that it is not missed between the two. If not, ask Temporal once more.

        Raises:
            Unavailable: NATS does not answer.
        """
        return await self.is_held(workflow_id) or not await self._has_no_backlog()

    async def is_held(self, workflow_id: str) -> bool:
        """Return whether flow control holds a start of this run.

        Raises:
            Unavailable: NATS does not answer.
        """
        async with self._reading:  # one reads for all who ask meanwhile
            if monotonic() - self._read_at > _FRESH_SECONDS:
                self._held = {found async for found in self._read_held()}
                self._read_at = monotonic()
        return workflow_id in self._held

    async def _read_held(self) -> AsyncIterator[str]:
        for subjects in _HELD:
            newest = await self._bus.last(subjects)
            last = 0 if newest is None else newest.sequence
            async for message in self._bus.read_range(subjects, first=1, last=last, bodies=False):
                if (found := held_run(message.raw.headers) or await self._in_body(message)) is not None:
                    yield found

    async def _in_body(self, message: StoredMessage) -> str | None:
        """Return the run of a start that an older version stored, or None if it waits no more."""
        whole = await self._bus.get(message.stream, message.sequence)
        try:
            return None if whole is None else StartWorkflow.model_validate_json(whole.raw.body).workflow_id
        except ValidationError:  # ingest makes it a dead letter
            return None

    async def _has_no_backlog(self) -> bool:
        """Return whether the bridge has handled every command that is stored now."""
        try:
            async with asyncio.timeout(_BACKLOG_SECONDS):
                await self._bus.wait_until_consumed("orchestrator", "COMMANDS")
        except TimeoutError:
            return False
        return True

"""Signals and cancellations of runs that have not begun: they wait while a start of that run is known or held."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.errors import InvalidMessage, Unavailable
from perdure_orchestrator.early_places import TOO_MANY, EarlyPlaces
from perdure_orchestrator.expected_runs import ExpectedRuns, NotBegun
from perdure_orchestrator.run_client import no_open_run

__all__ = ["EarlySignals"]

_LOOK_SECONDS: Final = 2.0
_TOO_MANY: Final = f"{TOO_MANY}. Resend this dead letter once the run has begun"

_log = logging.getLogger(__name__)


class EarlySignals:
    """Hands the messages of one stream to their runs, and keeps those that come before their run begins.

    Several bridges may do so at the same time: what is handed over twice counts once.

    Args:
        stream: The stream, such as ``SIGNALS``.
        bus: Holds the stream.
        entries: The bucket that all bridges share.
        expected: Knows which runs may begin.
        hand_over: Hands a message to its run, once; raises ``NotBegun`` if Temporal does not know the run.
    """

    def __init__(
        self,
        stream: str,
        bus: Bus,
        entries: KeyValue,
        *,
        expected: ExpectedRuns,
        hand_over: Callable[[StoredMessage], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._bus = bus
        self._places = EarlyPlaces(entries, stream)
        self._expected = expected
        self._hand_over = hand_over
        self._lock = asyncio.Lock()

    async def handle(self, workflow_id: str, message: StoredMessage) -> None:
        """Hand a message to its run; or let it wait, behind those of the same run that wait already.

        Raises:
            InvalidMessage: There is no run of this id, and none is expected.
            NotBegun: The run may begin in a moment.
            Unavailable: Something does not answer.
        """
        if workflow_id not in await self._places.places():
            try:
                await self._hand_over(message)
            except NotBegun:
                if not await self._expects(workflow_id, message):
                    await self._hand_over_at_last(message)
                    return
            else:
                return
        async with self._lock:
            if not await self._places.add(workflow_id, message.sequence):
                raise InvalidMessage("unknown_run", _TOO_MANY)

    async def _expects(self, workflow_id: str, message: StoredMessage) -> bool:
        """Return whether a run may begin later; raises ``NotBegun`` if it may in a moment."""
        if await self._expected.is_held(workflow_id):
            return True
        if self._expected.is_recent(message.stored_at):
            raise NotBegun(workflow_id)
        # A command is part of the backlog in which its start may be, and is not settled there: it waits outside.
        return self._stream == "COMMANDS" or await self._expected.has_start(workflow_id)

    async def waits_for(self, workflow_id: str) -> bool:
        """Return whether messages wait for this run, whichever bridge has them wait.

        Raises:
            Unavailable: The bucket does not answer.
        """
        self._places.forget()
        return workflow_id in await self._places.places()

    async def release(self, workflow_id: str) -> None:
        """Hand over the messages that wait for one run, oldest first, as far as it has begun or never will.

        Raises:
            Unavailable: Something does not answer.
        """
        for sequence in (await self._places.places()).get(workflow_id, ()):
            message = await self._bus.get(self._stream, sequence)
            if message is not None and not await self._release(workflow_id, message):
                return
            async with self._lock:
                await self._places.remove(workflow_id, sequence)

    async def release_for_ever(self) -> None:
        """Hand over what waits, again and again."""
        self._places.forget()  # another bridge may have changed it meanwhile
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._places.forget()
            try:
                for workflow_id in list(await self._places.places()):
                    await self.release(workflow_id)
            except Unavailable as error:
                _log.warning("%s; what waits in %s for its run is looked at again", error, self._stream)

    async def _release(self, workflow_id: str, message: StoredMessage) -> bool:
        """Hand over a message, or make it a dead letter; return False if it goes on waiting."""
        try:
            try:
                await self._hand_over(message)
            except NotBegun:
                if await self._expected.has_start(workflow_id):
                    return False
                await self._hand_over_at_last(message)
        except InvalidMessage as error:
            await self._dead_letter(message, error)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (the boundary: a bug with one message must not stop the others)
            _log.exception("cannot hand over %s %d", message.stream, message.sequence)
            await self._dead_letter(message, InvalidMessage("unexpected_error", f"{type(error).__name__}: {error}"))
        return True

    async def _hand_over_at_last(self, message: StoredMessage) -> None:
        """Hand over a message whose run is not expected: it may have begun between the two questions."""
        try:
            await self._hand_over(message)
        except NotBegun as error:
            if not error.is_needless:
                raise no_open_run(error.workflow_id) from error

    async def _dead_letter(self, message: StoredMessage, error: InvalidMessage) -> None:
        whole = make_dead_letter(message, error.reason, error.detail, service="orchestrator")
        await publish_dead_letter(self._bus, whole)

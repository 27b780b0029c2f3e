"""Publishes starts that waited, and says so."""

import asyncio
from typing import Final

from opentelemetry import propagate, trace

from perdure.bus import Bus, StoredMessage
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.contracts import EventVerdict, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.runtime.server_clock import ServerClock
from perdure_ingest.flow_control.command_publisher import refused_or_repeated
from perdure_ingest.flow_control.journal import Releasing
from perdure_ingest.flow_control.waiting import read_start, replaced_by
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["Publication"]

_BY_OPERATOR: Final = "an operator cancelled it while it waited"

_tracer: Final = trace.get_tracer("perdure.ingest")


class Publication:
    """Publishes the command of a waiting start and its verdict; deletes the waiting message last."""

    def __init__(self, bus: Bus, ledger: StartLedger, verdicts: VerdictLog, clock: ServerClock) -> None:
        self._bus = bus
        self._ledger = ledger
        self._verdicts = verdicts
        self._clock = clock

    async def is_known(self, start: StartWorkflow) -> bool:
        """Return whether a start took effect before, or will be refused: then it takes no slot.

        Raises:
            Unavailable: NATS does not answer.
        """
        try:
            return await self._ledger.look_up(await self._ledger.as_claimed(start)) is Claim.DONE
        except InvalidMessage:
            return True

    async def release(self, message: StoredMessage, start: StartWorkflow) -> None:
        """Publish a start that takes a slot.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        await self._publish(message, start, self._released(start))

    async def pass_on(self, message: StoredMessage, start: StartWorkflow) -> None:
        """Publish a start that takes no slot: the orchestrator settles it by its ledger.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        known = await refused_or_repeated(self._ledger, start)
        released = self._released(start)
        await self._publish(
            message, start, released.model_copy(update={"routes": (known.corrected(released.routes[0]),)})
        )

    async def skip(self, message: StoredMessage, start: StartWorkflow, run: str) -> None:
        """Drop a start, as a run with its key is open.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        detail = f"the run {run} of its key is open"
        await self._drop(message, self._verdicts.change(start, "skipped", workflow_id=run, detail=detail))

    async def cancel(self, cancelling: Releasing) -> None:
        """Drop a start that an operator has cancelled; nothing if that has happened before.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        message, start = await self.find(cancelling)
        if message is not None and start is not None:
            run = start.workflow_id
            verdict = self._verdicts.change(start, "cancelled", workflow_id=run, detail=_BY_OPERATOR)
            await self._drop(message, verdict)

    async def find(self, releasing: Releasing) -> tuple[StoredMessage | None, StartWorkflow | None]:
        """Return the waiting message of a release, and its start; None where a release before this one has deleted it.

        Raises:
            Unavailable: NATS does not answer.
        """
        message = await self._bus.get(releasing.stream, releasing.sequence)
        if message is None or not releasing.waits_in(message):
            return None, releasing.command
        return message, releasing.command or await read_start(message, self._bus)

    async def complete(self, message: StoredMessage | None, start: StartWorkflow) -> None:
        """Publish a start whose release a dead process may have left unfinished.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        if message is not None:
            await self.release(message, start)
        else:  # a newer start has taken its place
            await self._bus.publish(start)
            await self._verdicts.publish_changes([self._released(start)])

    async def _drop(self, message: StoredMessage, verdict: EventVerdict) -> None:
        await self._verdicts.publish_changes([*replaced_by(message), verdict])
        await self._bus.delete(message.stream, message.sequence)

    def _released(self, start: StartWorkflow) -> EventVerdict:
        return self._verdicts.change(start, "released", workflow_id=start.workflow_id)

    async def _publish(self, message: StoredMessage, start: StartWorkflow, verdict: EventVerdict) -> None:
        with _tracer.start_as_current_span(
            f"ingest releases {start.route}",
            propagate.extract(message.raw.headers),
            attributes={"perdure.waited_seconds": (self._clock.now() - message.stored_at).total_seconds()},
        ):
            await asyncio.gather(
                self._bus.publish(start), self._verdicts.publish_changes([*replaced_by(message), verdict])
            )
        await self._bus.delete(message.stream, message.sequence)

"""Cancels a start that waits in the queue of a route, in any process: the route's leader cannot release it any more."""

from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from typing import Final

from pydantic import ValidationError

from perdure.bus import StoredMessage
from perdure.bus.envelope import held_run
from perdure.contracts import StartWorkflow, fit_event_id
from perdure.contracts.held_starts import HeldStartFate, HeldStartReply
from perdure_ingest.flow_control.journal import Deposed, Journal, JournalStore
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.waiting import WaitingSubjects, journal_name, replaced_by

__all__ = ["HeldStarts"]

_QUEUES: Final = ("waiting.>", "latest.>")
_BY_OPERATOR: Final = "an operator cancelled it while it waited"


class HeldStarts:
    """The starts that wait in the queues of all routes.

    Args:
        ports: The ports of this process.
        in_use: The subjects of the configured routes.
    """

    def __init__(self, ports: FlowPorts, in_use: AbstractSet[WaitingSubjects]) -> None:
        self._ports = ports
        self._in_use = in_use

    async def cancel(self, workflow_id: str) -> HeldStartReply:
        """Drop the start of a run, and publish the verdict on its event; returns what became of it.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        async for message, start in self._starts_of(workflow_id):
            fate = await self._cancel(message, start)
            return HeldStartReply(
                fate=fate,
                route=start.route,
                event_id=fit_event_id(start.event.id),
                stream_sequence=start.event.stream_sequence,
            )
        return HeldStartReply(fate="not_held")

    async def _cancel(self, message: StoredMessage, start: StartWorkflow) -> HeldStartFate:
        """Delete a waiting start so that no leader that has read it before can release it.

        A leader stores what it is about to release before it does. The journal is replaced after the deletion: a leader
        that was quicker has the start in it, and one that was not is deposed, and reads its queue again.
        """
        subjects = WaitingSubjects.containing(message.raw.subject)
        if subjects.stage == "batch":
            return "collected"
        store = JournalStore(self._ports.entries, journal_name(subjects, self._in_use))
        while True:
            journal = await store.read() or Journal()
            if any((it.subject, it.sequence) == (message.raw.subject, message.sequence) for it in journal.batch):
                return "releasing"
            await self._ports.bus.delete(message.stream, message.sequence)
            try:
                await store.replace(journal.model_copy(update={"epoch": journal.epoch + 1}))
            except Deposed:
                continue
            verdicts, run = self._ports.verdicts, start.workflow_id
            verdict = verdicts.change(start, "cancelled", workflow_id=run, detail=_BY_OPERATOR)
            await verdicts.publish_changes([*replaced_by(message), verdict])
            return "cancelled"

    async def _starts_of(self, workflow_id: str) -> AsyncIterator[tuple[StoredMessage, StartWorkflow]]:
        bus = self._ports.bus
        for subjects in _QUEUES:
            newest = await bus.last(subjects)
            last = 0 if newest is None else newest.sequence
            async for message in bus.read_range(subjects, first=1, last=last, bodies=False):
                if held_run(message.raw.headers) not in {workflow_id, None}:
                    continue
                whole = await bus.get(message.stream, message.sequence)
                start = None if whole is None else _readable(whole)
                if whole is not None and start is not None and start.workflow_id == workflow_id:
                    yield whole, start


def _readable(message: StoredMessage) -> StartWorkflow | None:
    try:
        return StartWorkflow.model_validate_json(message.raw.body)
    except ValidationError:  # it becomes a dead letter at its turn
        return None

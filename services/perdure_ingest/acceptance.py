"""Takes one stored event to its commands and its verdict, or refuses it."""

from collections.abc import Sequence
from typing import Final

from perdure.bus import RawMessage, StoredMessage, decode
from perdure.bus.events import PREFIX
from perdure.bus.subject_patterns import matches
from perdure.bus.views.event_runs import event_in
from perdure.contracts import DeadLetter, Reason, RouteVerdict
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Admission, Admitted, decide
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.reception import receive
from perdure_ingest.route_verdicts import fit_detail, route_verdicts
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["Acceptance"]

_WITHOUT_VERDICT: Final[frozenset[Reason]] = frozenset({"unexpected_error", "max_deliveries", "terminated"})


class Acceptance:
    """Accepts events by the rules.

    The verdict is stored after the commands, which do not wait for it, and before the event is settled. A redelivered
    event repeats nothing: commands and verdicts have message ids, and the start ledger remembers commands for longer.
    """

    def __init__(
        self, rules: Sequence[Rule], queues: RouteQueues, verdicts: VerdictLog, *, max_payload_bytes: int
    ) -> None:
        self._rules = rules
        self._queues = queues
        self._verdicts = verdicts
        self._limit = max_payload_bytes

    async def accept(self, message: StoredMessage) -> None:
        """Publish the commands of an event, then its verdict.

        Raises:
            InvalidMessage: The event becomes a dead letter; its verdict is stored.
            Unavailable: NATS does not answer.
        """
        try:
            event, arrival = receive(message, max_payload_bytes=self._limit)
        except InvalidMessage as error:
            await self._verdicts.publish_first(message, None, self._all_refuse(message, error), error)
            raise
        admission = decide(event, arrival, rules=self._rules)
        placements, refusal = await self._submit(admission)
        routes = [
            placements[it.route].corrected(it) if it.route in placements else it
            for it in route_verdicts(self._rules, admission)
        ]
        await self._verdicts.publish_first(message, event, routes, refusal)
        if refusal is not None:
            raise refusal

    async def take_dead_letter(self, message: StoredMessage) -> None:
        """Free the slot of a start that was dead-lettered, or publish the verdict on an event that met a bug.

        Args:
            message: The dead letter.

        Raises:
            Unavailable: NATS does not answer.
        """
        await self._queues.free_slot(message)
        dead_letter = decode(message.raw)
        if not isinstance(dead_letter, DeadLetter) or dead_letter.service != "ingest":
            return
        original = _original(dead_letter)
        if original is not None and dead_letter.reason in _WITHOUT_VERDICT:
            error = InvalidMessage(dead_letter.reason, dead_letter.detail)
            routes = self._all_refuse(original, error)
            await self._verdicts.publish_first(original, event_in(original), routes, error)

    async def _submit(self, admission: Admission) -> tuple[dict[str, Placement], InvalidMessage | None]:
        """Submit the commands of an event; returns what became of each by route, and why the event is refused."""
        placements: dict[str, Placement] = {}
        refusal = admission.refusal or self._problem(admission.admitted)
        for admitted in sorted(admission.admitted, key=self._queues.may_refuse, reverse=True):
            if refusal is not None:
                placements[admitted.evaluation.route] = Placement(refusal=refusal)
                continue
            try:
                placements[admitted.evaluation.route] = await self._queues.submit(admitted)
            except InvalidMessage as error:
                refusal = error
                placements[admitted.evaluation.route] = Placement(refusal=error)
        return placements, refusal

    def _problem(self, admitted: Sequence[Admitted]) -> InvalidMessage | None:
        """Return why NATS does not take one of several commands, so that none is stored; one alone needs no check."""
        try:
            for one in admitted if len(admitted) > 1 else ():
                self._queues.check(one)
        except InvalidMessage as error:
            return error
        return None

    def _all_refuse(self, message: StoredMessage, error: InvalidMessage) -> list[RouteVerdict]:
        """Return the verdicts on an event that no route takes: of each that names the type of its subject."""
        type_ = message.raw.subject.removeprefix(PREFIX)
        return [
            RouteVerdict(route=rule.name, verdict="refused", reason=error.reason, detail=fit_detail(error.detail))
            for rule in self._rules
            if matches(rule.route.on, type_)
        ]


def _original(dead_letter: DeadLetter) -> StoredMessage | None:
    """Return the event of a dead letter, as far as it holds it; None if it is about something else."""
    if dead_letter.stream != "EVENTS" or not dead_letter.original_subject or dead_letter.stored_at is None:
        return None
    raw = RawMessage(dead_letter.original_subject, dead_letter.body or b"", dead_letter.headers)
    return StoredMessage(raw, "EVENTS", dead_letter.stream_sequence, dead_letter.stored_at, pending=0)

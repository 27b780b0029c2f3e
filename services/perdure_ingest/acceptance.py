"""Takes one stored event to its commands and its verdict, or refuses it."""

from collections.abc import Sequence

from perdure.bus import StoredMessage
from perdure.bus.events import PREFIX
from perdure.bus.topology import matches
from perdure.contracts import RouteVerdict
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Admission, Admitted, decide
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.reception import receive
from perdure_ingest.route_verdicts import fit_detail, route_verdicts
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["Acceptance"]


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
        """Return the verdicts on an event that cannot be read: of each route that names the type of its subject."""
        type_ = message.raw.subject.removeprefix(PREFIX)
        return [
            RouteVerdict(route=rule.name, verdict="refused", reason=error.reason, detail=fit_detail(error.detail))
            for rule in self._rules
            if matches(rule.route.on, type_)
        ]

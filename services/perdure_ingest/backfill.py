"""Takes stored events through one route, when the operator asks for it."""

from collections.abc import Sequence

from pydantic import BaseModel

from perdure.bus import Bus, RawMessage
from perdure.bus.app import Responder
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes_digest import routes_digest
from perdure.contracts import RouteVerdict, fit_event_id
from perdure.contracts.backfill import (
    BACKFILL_EVENT,
    DESCRIBE_ROUTE,
    BackfilledEvent,
    BackfillRequest,
    RouteDescription,
    RouteQuery,
)
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Admitted, decide
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.reception import receive
from perdure_ingest.route_verdicts import fit_detail, route_verdicts
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["backfill_responders"]


def backfill_responders(  # noqa: PLR0913 (the parts of ingest)
    bus: Bus,
    rules: Sequence[Rule],
    queues: RouteQueues,
    ledger: StartLedger,
    verdicts: VerdictLog,
    *,
    max_payload_bytes: int,
) -> list[Responder]:
    """Return the responders to ``RouteQuery`` and ``BackfillRequest`` requests."""
    backfill = _Backfill(bus, rules, queues, ledger, verdicts, max_payload_bytes=max_payload_bytes)

    async def describe(request: RawMessage) -> bytes:
        return _encode(backfill.describe(RouteQuery.model_validate_json(request.body)))

    async def take(request: RawMessage) -> bytes:
        return _encode(await backfill.take(BackfillRequest.model_validate_json(request.body)))

    return [Responder(DESCRIBE_ROUTE, describe), Responder(BACKFILL_EVENT, take)]


class _Backfill:
    """Takes events through a route, and leaves the other routes alone.

    An event that the route does not take becomes no dead letter, and its verdict stays as it is: nothing happened.
    """

    def __init__(  # noqa: PLR0913 (the parts of ingest)
        self,
        bus: Bus,
        rules: Sequence[Rule],
        queues: RouteQueues,
        ledger: StartLedger,
        verdicts: VerdictLog,
        *,
        max_payload_bytes: int,
    ) -> None:
        self._bus = bus
        self._rules = {rule.name: rule for rule in rules}
        self._digest = routes_digest(rule.route for rule in rules)
        self._queues = queues
        self._ledger = ledger
        self._verdicts = verdicts
        self._limit = max_payload_bytes

    def describe(self, query: RouteQuery) -> RouteDescription:
        """Return the route as this process has it."""
        rule = self._rules.get(query.route)
        return RouteDescription(
            on=None if rule is None else rule.route.on, rules=self._digest, routes=tuple(sorted(self._rules))
        )

    async def take(self, request: BackfillRequest) -> BackfilledEvent:
        """Take an event through a route, or say what would become of it.

        Raises:
            Unavailable: NATS does not answer. The event may be taken: ask again.
        """
        place, rule = request.stream_sequence, self._rules.get(request.route)
        if rule is None or request.rules != self._digest:
            return BackfilledEvent(stream_sequence=place, fate="other_rules")
        message = await self._bus.get("EVENTS", place)
        if message is None:
            return BackfilledEvent(stream_sequence=place, fate="gone")
        event_id = None
        try:
            event, arrival = receive(message, max_payload_bytes=self._limit)
            event_id = fit_event_id(event.id)
            admission = decide(event, arrival, rules=(rule,), backfill=request.backfill)
            (evaluation,) = admission.evaluations
            if not evaluation.matched and evaluation.refusal is None:
                detail = fit_detail(evaluation.reason)
                return BackfilledEvent(stream_sequence=place, event_id=event_id, fate="no_match", detail=detail)
            if admission.refusal is not None:
                raise admission.refusal
            (admitted,), (planned,) = admission.admitted, route_verdicts((rule,), admission)
            fate = await self._submit(admitted, planned)
            return fate.model_copy(update={"event_id": event_id})
        except InvalidMessage as error:
            return BackfilledEvent(
                stream_sequence=place,
                event_id=event_id,
                fate="already" if error.reason == "run_exists" else "refused",
                reason=error.reason,
                detail=fit_detail(error.detail),
            )

    async def _submit(self, admitted: Admitted, planned: RouteVerdict) -> BackfilledEvent:
        """Submit a command that never took effect; in a dry run return the verdict that is planned.

        Raises:
            InvalidMessage: Another event has the run, or NATS takes no such command.
            Unavailable: NATS does not answer.
        """
        command = admitted.command
        place = command.event.stream_sequence
        first = await self._ledger.first_claim(command)
        if first is not None:
            detail = f"EVENTS {first[0]} had it"
            return BackfilledEvent(stream_sequence=place, fate="already", workflow_id=first[1], detail=detail)
        self._queues.check(admitted)
        verdict = planned
        if command.event.backfill is not None:
            placement = await self._queues.submit(admitted)
            if placement.refusal is not None:
                raise placement.refusal
            verdict = placement.corrected(planned)
            await self._verdicts.publish_backfilled(command, verdict)
        return BackfilledEvent(
            stream_sequence=place,
            fate="taken",
            verdict=verdict.verdict,
            workflow_id=verdict.workflow_id,
            detail=verdict.detail,
        )


def _encode(reply: BaseModel) -> bytes:
    return reply.model_dump_json().encode()

"""Publishes verdicts: one for each event, and one for each change of a start that was held."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from perdure.bus import Bus, StoredMessage
from perdure.bus.events import PREFIX, event_id
from perdure.bus.views.event_runs import place_id
from perdure.config.routes_digest import routes_digest
from perdure.contracts import (
    Event,
    EventVerdict,
    OtherEvent,
    RouteVerdict,
    SignalWorkflow,
    StartWorkflow,
    VerdictKind,
    fit_event_id,
)
from perdure.errors import InvalidMessage
from perdure_ingest.route_verdicts import fit_detail
from perdure_ingest.rules import Rule

__all__ = ["VerdictLog", "other_event"]

_AT_ONCE: Final = 64  # changes; a batch has up to 1,000

_log: Final = logging.getLogger(__name__)


class VerdictLog:
    """Publishes the verdicts of the routes that have not opted out by ``verdicts: false``."""

    def __init__(self, bus: Bus, rules: Sequence[Rule]) -> None:
        self._bus = bus
        self._rules = routes_digest(rule.route for rule in rules)
        self._silent = {rule.name for rule in rules if not rule.route.verdicts}

    def reports(self, route: str) -> bool:
        """Return whether the verdicts of a route are published."""
        return route not in self._silent

    async def publish_first(
        self,
        message: StoredMessage,
        event: Event | None,
        routes: Sequence[RouteVerdict],
        refusal: InvalidMessage | None,
    ) -> None:
        """Publish what ingest made of an event; nothing if all routes that name its type have opted out.

        Args:
            message: The event, as EVENTS holds it.
            event: The same, read; None if it cannot be read.
            routes: The verdicts of all routes that name its type.
            refusal: Why the event becomes a dead letter, if it does.

        Raises:
            Unavailable: NATS does not answer.
        """
        reported = tuple(it for it in routes if self.reports(it.route))
        if routes and not reported:
            return
        await self._publish(
            EventVerdict(
                event_id=fit_event_id(_claimed_id(message) if event is None else event.id),
                event_type=message.raw.subject.removeprefix(PREFIX).encode(errors="backslashreplace").decode(),
                source=None if event is None else fit_detail(event.source),
                stream_sequence=message.sequence,
                rules=self._rules,
                routes=reported,
                unreported=len(routes) - len(reported),
                refused=None if refusal is None else refusal.reason,
                detail="" if refusal is None else fit_detail(refusal.detail),
            )
        )

    def change(self, start: StartWorkflow, verdict: VerdictKind, **fields: Any) -> EventVerdict:
        """Return what became of a start that was held.

        Args:
            start: The start.
            verdict: The new verdict of its route.
            fields: Further fields of the ``RouteVerdict``.
        """
        return self._change(start, RouteVerdict(route=start.route, verdict=verdict, **fields))

    async def publish_backfilled(self, command: StartWorkflow | SignalWorkflow, verdict: RouteVerdict) -> None:
        """Publish what a route made of an event in a backfill, also if the route has opted out.

        Raises:
            Unavailable: NATS does not answer.
        """
        await self._publish(self._change(command, verdict))

    async def publish_changes(self, changes: Iterable[EventVerdict]) -> None:
        """Publish changes, but those of routes that have opted out.

        Raises:
            Unavailable: NATS does not answer.
        """
        reported = [change for change in changes if self.reports(change.routes[0].route)]
        for start in range(0, len(reported), _AT_ONCE):
            await asyncio.gather(*map(self._publish, reported[start : start + _AT_ONCE]))

    def _change(self, command: StartWorkflow | SignalWorkflow, verdict: RouteVerdict) -> EventVerdict:
        event = command.event
        return EventVerdict(
            event_id=fit_event_id(event.id),
            event_type=event.type,
            source=fit_detail(event.source),
            stream_sequence=event.stream_sequence,
            rules=self._rules,
            routes=(verdict.model_copy(update={"backfill": event.backfill}),),
            change=True,
        )

    async def _publish(self, verdict: EventVerdict) -> None:
        """Publish a verdict; without its details if NATS takes no message of that size."""
        try:
            await self._bus.publish(verdict)
        except InvalidMessage as error:
            _log.warning("the verdict on %s %d is cut: %s", "EVENTS", verdict.stream_sequence, error.detail)
            routes = tuple(it.model_copy(update={"detail": ""}) for it in verdict.routes)
            await self._bus.publish(verdict.model_copy(update={"routes": routes, "source": None}))


def _claimed_id(message: StoredMessage) -> str:
    """Return the id by which the publisher of an event that cannot be read knows it."""
    return event_id(message.raw, fallback_id=place_id(message)).encode(errors="backslashreplace").decode()


def other_event(start: StartWorkflow) -> OtherEvent:
    """Return the event of a start, as the verdict on another event names it."""
    return OtherEvent(id=fit_event_id(start.event.id), stream_sequence=start.event.stream_sequence)

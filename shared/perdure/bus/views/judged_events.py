"""Read model of what one route made of many events: its last word on each."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.bus.subject_patterns import matches
from perdure.contracts import EventVerdict, last_words, verdict_subject

__all__ = ["JudgedEvent", "judged_events"]

_SKEW: Final = timedelta(seconds=1)  # between the clocks of the servers that lead two streams
_WITHOUT_COMMAND: Final = {"no_match", "refused"}
_OWN_RUN: Final = {"started", "released", "batched_into", "duplicate_of"}


@dataclass(frozen=True, slots=True)
class JudgedEvent:
    """The last word of a route on one event.

    Attributes:
        event_id: The event's id.
        route: Name of the route.
        verdict: See ``VerdictKind``.
        workflow_id: The run that the verdict names.
        backfill: The backfill that it comes from.
        rules: Digest of the routes by which the event was judged.
    """

    event_id: str
    route: str
    verdict: str
    workflow_id: str | None
    backfill: str | None
    rules: str

    @property
    def own_run(self) -> str | None:
        """The run that the route started for the event, if the command took effect."""
        return self.workflow_id if self.verdict in _OWN_RUN else None

    def is_settled(self, rules: str) -> bool:
        """Return whether the route need not judge the event again by these rules: its start waits, or it took it."""
        return self.verdict == "held" or (self.rules == rules and self.verdict not in _WITHOUT_COMMAND)


async def judged_events(bus: Bus, route: str, on: str, *, since: datetime) -> Mapping[int, JudgedEvent]:
    """Return the last word of a route on each event that was stored since a time, by the event's sequence.

    Args:
        bus: The bus.
        route: Name of the route.
        on: The event types that the route names; a NATS pattern.
        since: The time (UTC).

    Raises:
        Unavailable: NATS does not answer.
    """
    subject = "verdicts.>" if {"*", ">"} & set(on.split(".")) else verdict_subject(on)
    oldest, newest = await bus.first_since(subject, since - _SKEW), await bus.last(subject)
    found: dict[int, JudgedEvent] = {}
    if oldest is None or newest is None:
        return found
    async with aclosing(bus.read_range(subject, first=oldest.sequence, last=newest.sequence)) as stored:
        async for message in stored:
            verdict = decode(message.raw)
            if isinstance(verdict, EventVerdict) and matches(on, verdict.event_type):
                _add(found, verdict, route)
    return found


def _add(found: dict[int, JudgedEvent], verdict: EventVerdict, route: str) -> None:
    for it in verdict.routes:
        if it.route == route:
            judged = JudgedEvent(verdict.event_id, route, it.verdict, it.workflow_id, it.backfill, verdict.rules)
            known = found.get(verdict.stream_sequence)
            (found[verdict.stream_sequence],) = last_words([judged] if known is None else [known, judged])

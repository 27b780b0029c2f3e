"""Takes stored events through one route: in the order of storage, paced, each at most once."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal, Self

from perdure.bus import NatsBus, NatsKeyValue
from perdure.bus.events import PREFIX
from perdure.bus.views.judged_events import JudgedEvent, judged_events
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.contracts import BackfillRan
from perdure.contracts.backfill import (
    BACKFILL_EVENT,
    DESCRIBE_ROUTE,
    BackfilledEvent,
    BackfillRequest,
    RouteDescription,
    RouteQuery,
)
from perdure.errors import NotFound, PerdureError
from perdure.values.rate import Rate

__all__ = ["Backfill"]


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill that is planned; ingest judges each event, by the routes that it has now.

    Attributes:
        id: Its id; ids sort by time.
        route: Name of the route.
        rules: Digest of all routes.
        since: Only events that were stored at this instant or later (UTC).
        until: Only events that were stored before this instant (UTC).
        sequences: The events of that time whose type the route names, by their sequences in EVENTS.
        judged: What the route made of them before.
        kept_since: When the oldest event was stored that EVENTS still has (UTC); None if it has all.
        rate: At most so many are taken in a time.
        limit: It ends after so many were taken.
        by: Who runs it.
        dry_run: Whether nothing is done.
    """

    bus: NatsBus
    id: str
    route: str
    rules: str
    since: datetime
    until: datetime
    sequences: Sequence[int]
    judged: Mapping[int, JudgedEvent]
    kept_since: datetime | None
    rate: Rate
    limit: int | None
    by: str
    dry_run: bool

    @classmethod
    async def plan(  # noqa: PLR0913 (the options of the command)
        cls,
        bus: NatsBus,
        route: str,
        *,
        since: datetime,
        until: datetime,
        rate: Rate,
        by: str,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> Self:
        """Find the events of the time, and what the route made of them before.

        Raises:
            NotFound: Ingest has no such route.
            Unavailable: NATS or ingest does not answer.
        """
        reply = await bus.request(DESCRIBE_ROUTE, RouteQuery(route=route).model_dump_json().encode())
        found = RouteDescription.model_validate_json(reply)
        if found.on is None:
            raise NotFound(f"Ingest has no route {route}; there are: {', '.join(found.routes) or 'none'}.")
        oldest = await bus.first(f"{PREFIX}>")
        return cls(
            bus,
            id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}",
            route=route,
            rules=found.rules,
            since=since,
            until=until,
            sequences=await _sequences(bus, f"{PREFIX}{found.on}", since, until),
            judged=await judged_events(bus, route, found.on, since=since),
            kept_since=oldest.stored_at if oldest is not None and oldest.sequence > 1 else None,
            rate=rate,
            limit=limit,
            by=by,
            dry_run=dry_run,
        )

    async def run(self) -> AsyncGenerator[BackfilledEvent]:
        """Take the events through the route, and yield what became of each.

        It is recorded on ADMIN when it begins and when it ends, also if it is closed or cancelled before.

        Raises:
            PerdureError: Ingest has other routes than it had when this was planned.
            Unavailable: NATS or ingest does not answer; another backfill goes on where this one ended.
        """
        counts: Counter[str] = Counter()
        await self._record("began", counts)
        try:
            for sequence in self.sequences:
                event = await self._take(sequence)
                counts[event.fate] += 1
                yield event
                if event.fate == "taken":
                    if counts["taken"] == self.limit:
                        break
                    await asyncio.sleep(0 if self.dry_run else self.rate.interval.total_seconds())
        finally:
            await self._record("ended", counts)

    async def _take(self, sequence: int) -> BackfilledEvent:
        known = self.judged.get(sequence)
        if known is not None and await self._needs_nothing(known):
            return BackfilledEvent(
                stream_sequence=sequence,
                event_id=known.event_id,
                fate="already",
                verdict=known.verdict,
                workflow_id=known.workflow_id,
                detail="the route has judged it before",
            )
        request = BackfillRequest(
            backfill=None if self.dry_run else self.id, route=self.route, rules=self.rules, stream_sequence=sequence
        )
        reply = await self.bus.request(BACKFILL_EVENT, request.model_dump_json().encode())
        event = BackfilledEvent.model_validate_json(reply)
        if event.fate == "other_rules":
            raise PerdureError(
                "The routes have changed since this backfill began, or not all ingest processes have the same. "
                "Start it again: it takes no event twice."
            )
        return event

    async def _needs_nothing(self, known: JudgedEvent) -> bool:
        """Return whether an event waits in the route, was judged by these rules, or has its run under any id."""
        if known.is_settled(self.rules):
            return True
        ledger = StartLedger(NatsKeyValue(self.bus.js, BUCKET))
        return known.own_run is not None and await ledger.has_started(known.own_run)

    async def _record(self, act: Literal["began", "ended"], counts: Mapping[str, int]) -> None:
        if self.dry_run:
            return
        await self.bus.publish(
            BackfillRan(
                act=act,
                backfill=self.id,
                route=self.route,
                rules=self.rules,
                since=self.since,
                until=self.until,
                rate=1 / self.rate.interval.total_seconds(),
                counts=dict(counts),
                by=self.by,
                at=datetime.now(UTC),
            )
        )


async def _sequences(bus: NatsBus, subject: str, since: datetime, until: datetime) -> list[int]:
    """Return the sequences of the events of a time; reading them first keeps no consumer open for hours."""
    oldest, newest = await bus.first_since(subject, since), await bus.last(subject)
    found: list[int] = []
    if oldest is None or newest is None:
        return found
    stored = bus.read_range(subject, first=oldest.sequence, last=newest.sequence, bodies=False)
    async with aclosing(stored) as messages:
        async for message in messages:
            if message.stored_at >= until:
                break
            if message.stored_at >= since:
                found.append(message.sequence)
    return found

"""The page that comes first: what waits, what is broken, what flows, and how far the record is trusted."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from perdure.bus import Bus
from perdure.bus.views.pauses import pauses
from perdure.bus.views.run_list import RunFilter, list_runs
from perdure.bus.views.stuck_runs import stuck_runs
from perdure_console.desk import Desk
from perdure_console.identity import Person
from perdure_console.pages import LivePage
from perdure_console.waiting import waiting_for

__all__ = ["PAGE"]

_SHOWN: Final = 10  # rows of each list
_COUNTED: Final = 500  # open runs that are counted by workflow
_MINUTE: Final = timedelta(minutes=1)


async def _load(desk: Desk, person: Person, _: Mapping[str, str]) -> dict[str, Any]:
    people, trouble, flow = await asyncio.gather(_people(desk, person), _trouble(desk.bus), _flow(desk.bus))
    return {**people, **trouble, **flow}


async def _people(desk: Desk, person: Person) -> dict[str, Any]:
    waiting = await waiting_for(desk, person)
    return {"waiting": waiting[:_SHOWN], "waiting_count": len(waiting)}


async def _trouble(bus: Bus) -> dict[str, Any]:
    failed = await list_runs(bus, RunFilter(state="failed", limit=_SHOWN))
    dead = await bus.count_by_subject("dlq.>")
    return {
        "dead": {subject.partition(".")[2]: count for subject, count in sorted(dead.items())},
        "stuck": await stuck_runs(bus, most=_SHOWN),
        "failed": failed.runs,
        "paused": list((await pauses(bus)).values()),
    }


async def _flow(bus: Bus) -> dict[str, Any]:
    running = await list_runs(bus, RunFilter(state="open", limit=_COUNTED))
    checkpoint = await bus.last("checkpoints.>")
    return {
        "running": Counter(fact.workflow for fact in running.runs).most_common(),
        "more_running": running.next is not None,
        "held": sum((await bus.count_by_subject("waiting.>")).values()),
        "rate": await _events_a_minute(bus),
        "checkpoint_at": None if checkpoint is None else checkpoint.stored_at,
    }


async def _events_a_minute(bus: Bus) -> int:
    """Return how many events were stored within the last minute."""
    newest, oldest = await bus.last("events.>"), await bus.first_since("events.>", datetime.now(UTC) - _MINUTE)
    return 0 if newest is None or oldest is None else newest.sequence - oldest.sequence + 1


PAGE: Final = LivePage(
    "/", "now.html", "now_middle.html", _load, lambda _: ("progress.>", "approvals.>", "dlq.>", "stuck.>")
)

"""Due times that start no run: each is skipped by a policy, and people can see by which."""

import os
import signal
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from temporalio.client import Client, ScheduleDescription, ScheduleHandle
from temporalio.service import RPCError

from perdure.bus import RawMessage, decode
from perdure.contracts import EventVerdict, RouteVerdict, ScheduleChanged, to_token
from tests.support.command_line import perdure_of, printed
from tests.support.eventually import eventually
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

SECONDLY = {"cron": "* * * * * *", "input": "{}"}
CATCH_UP = 10  # seconds: the shortest that Temporal keeps


async def test_what_was_due_longer_than_catch_up_before_temporal_came_back_is_missed_and_counted(
    world: OpenWorld,
) -> None:
    async with world(routes=[{**SECONDLY, "name": "Report", "start": "Quick", "catch_up": f"{CATCH_UP}s"}]) as here:
        handle = await schedule(here, "Report")
        before = await until(handle, lambda found: found.info.num_actions >= 2)
        temporal = here.suite.supervisor.pid("temporal")
        os.kill(temporal, signal.SIGSTOP)
        await eventually(lambda: passed(before, CATCH_UP + 5), within=60)
        here.suite.supervisor.kill("temporal")
        came_back = await until(handle, lambda found: found.info.num_actions_missed_catchup_window > 0)
        count = came_back.info.num_actions
        await until(handle, lambda found: found.info.num_actions >= count + 2)
        await handle.pause(note="counted")
        paused = await handle.describe()
        due = await settled(here, paused.info.num_actions)
        (listed,) = printed(await perdure_of(here.settings.state, "routes", "list", "--json"))
        shown = await perdure_of(here.settings.state, "routes", "list")

    steps = [later - earlier for earlier, later in pairwise(due)]
    (gap,) = [it for it in steps if it != timedelta(seconds=1)]
    missed = paused.info.num_actions_missed_catchup_window
    assert gap == timedelta(seconds=missed + 1), "what is not published is what Temporal counts as missed"
    assert timedelta(seconds=1) < gap < timedelta(seconds=CATCH_UP + 5), "the last due times were published late"
    assert listed["schedule"]["missed"] == missed
    assert f"{missed} missed" in " ".join(shown.stdout.split())


async def test_a_singleton_skips_queues_or_replaces_what_is_due_while_a_run_is_open(world: OpenWorld) -> None:
    policies = {"Skips": "skip", "Queues": "queue", "Replaces": "cancel"}
    routes = [
        {**SECONDLY, "name": name, "start": "Patient", "flow": {"singleton": policy}}
        for name, policy in policies.items()
    ]
    async with world(routes=routes) as here:
        (skipped, *_) = await eventually(lambda: verdicts(here, "Skips", "skipped", least=2), within=60)
        (first_held, *_) = await eventually(lambda: verdicts(here, "Queues", "held", least=2), within=60)
        explained = await perdure_of(here.settings.state, "explain", skipped[0])
        waiting = await perdure_of(here.settings.state, "explain", first_held[0])
        (queued,) = await verdicts(here, "Queues", "started", least=1)
        (skips,) = await verdicts(here, "Skips", "started", least=1)
        await eventually(lambda: verdicts(here, "Replaces", "started", least=1), within=60)
        await eventually(lambda: ended(here, "Replaces", "cancelled"), within=60)
        for _, verdict in (queued, skips):
            await here.bus.publish_raw(RawMessage(f"signals.{to_token(verdict.workflow_id or '')}.go", b"", {}))
        follower = await eventually(lambda: started_after(here, "Queues", queued[0]), within=60)
        next_one = await eventually(lambda: started_after(here, "Skips", skips[0]), within=60)
        acts = [decode(it.raw) async for it in here.bus.read("admin.schedule.>")]

    assert "singleton" in skipped[1].detail
    assert "singleton" in explained.stdout
    assert "singleton" in waiting.stdout
    assert follower == first_held[0], "the oldest that waits is the next"
    assert next_one > skipped[0], "what was skipped is not done later"
    assert {(it.act, it.route) for it in acts if isinstance(it, ScheduleChanged)} == {
        ("created", name) for name in policies
    }


async def schedule(here: World, route: str) -> ScheduleHandle:
    temporal = await Client.connect(here.suite.endpoints.temporal)
    return temporal.get_schedule_handle(f"perdure~perdure~{route}")


async def until(handle: ScheduleHandle, holds: Callable[[ScheduleDescription], bool]) -> ScheduleDescription:
    """Wait until the schedule is as it should be; Temporal may be down meanwhile."""

    async def look() -> ScheduleDescription | None:
        try:
            found = await handle.describe(rpc_timeout=timedelta(seconds=5))
        except RPCError:
            return None
        return found if holds(found) else None

    return await eventually(look, within=90)


async def passed(since: ScheduleDescription, seconds: int) -> bool:
    """Return whether so many seconds have passed since the newest due time that was seen."""
    newest = max(it.scheduled_at for it in since.info.recent_actions)
    return datetime.now(newest.tzinfo) - newest > timedelta(seconds=seconds)


async def settled(here: World, count: int) -> list[datetime]:
    """Wait until so many due times have started their runs, once each; returns them."""

    async def look() -> list[datetime] | None:
        ids = [it.event_id or "" for facts in (await here.facts()).values() for it in facts if it.kind == "started"]
        assert len(ids) == len(set(ids))
        return sorted(datetime.fromisoformat(it.partition("@")[2]) for it in ids) if len(ids) >= count else None

    return await eventually(look, within=90)


async def verdicts(here: World, route: str, kind: str, *, least: int) -> list[tuple[str, RouteVerdict]] | None:
    """Return the due times of a route with a verdict of this kind, once there are enough of them."""
    found = [
        (event_id, it)
        for event_id, words in (await all_verdicts(here, route)).items()
        for it in words
        if it.verdict == kind
    ]
    return found if len(found) >= least else None


async def all_verdicts(here: World, route: str) -> dict[str, list[RouteVerdict]]:
    """Return the verdicts of a route by due time, in order."""
    found = defaultdict[str, list[RouteVerdict]](list)
    async for message in here.bus.read("verdicts.>"):
        verdict = decode(message.raw)
        assert isinstance(verdict, EventVerdict)
        found[verdict.event_id].extend(it for it in verdict.routes if it.route == route)
    return {event_id: words for event_id, words in sorted(found.items()) if words}


async def ended(here: World, route: str, kind: str) -> bool:
    """Return whether a run of a route has ended so."""
    facts = await here.facts()
    return any(it[-1].kind == kind for run, it in facts.items() if run.startswith(f"{route}~"))


async def started_after(here: World, route: str, event_id: str) -> str | None:
    """Return the first due time after another that has started a run."""
    facts: dict[str, Any] = await here.facts()
    ids = sorted(it[0].event_id for run, it in facts.items() if run.startswith(f"{route}~"))
    return next((it for it in ids if it > event_id), None)

"""Due times that start no run: each is skipped by a policy, and people can see by which."""

import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import pairwise

from temporalio.client import Client, ScheduleDescription, ScheduleHandle
from temporalio.service import RPCError

from perdure.bus import RawMessage, decode
from perdure.contracts import EventVerdict, ScheduleChanged, to_token
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
        (skips, *_) = await eventually(lambda: started(here, "Skips"), within=60)
        (queues, *_) = await eventually(lambda: started(here, "Queues"), within=60)
        skipped = await eventually(lambda: verdict(here, "Skips", "skipped", after=skips), within=60)
        held = await eventually(lambda: verdict(here, "Queues", "held", after=queues), within=60)
        (explained,) = printed(await perdure_of(here.settings.state, "explain", skipped, "--json"))
        (waiting,) = printed(await perdure_of(here.settings.state, "explain", held, "--json"))
        open_ones = [await started(here, route) for route in ("Skips", "Queues")]
        await eventually(lambda: ended(here, "Replaces", "cancelled"), within=60)
        for route, due in (("Skips", skips), ("Queues", queues)):
            await here.bus.publish_raw(RawMessage(f"signals.{to_token(await run_of(here, route, due))}.go", b"", {}))
        (_, following, *_) = await eventually(lambda: started(here, "Queues", least=2), within=60)
        (_, next_one, *_) = await eventually(lambda: started(here, "Skips", least=2), within=60)
        acts = [decode(it.raw) async for it in here.bus.read("admin.schedule.>")]

    assert open_ones == [[skips], [queues]], "one run is open at a time"
    assert explained["cause"] == "skipped"
    assert f"Skips~{skips}" in explained["why"]["text"], "it names the run that is open"
    assert waiting["cause"] == "held_singleton"
    assert following == held, "the oldest that waits is the next"
    assert next_one > skipped, "what was skipped is not done later"
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


async def verdict(here: World, route: str, kind: str, *, after: str) -> str | None:
    """Return the first due time after another with a verdict of this kind."""
    found = set[str]()
    async for message in here.bus.read("verdicts.>"):
        judged = decode(message.raw)
        assert isinstance(judged, EventVerdict)
        found |= {judged.event_id for it in judged.routes if (it.route, it.verdict) == (route, kind)}
    return next((due for due in sorted(found) if due > after), None)


async def ended(here: World, route: str, kind: str) -> bool:
    """Return whether a run of a route has ended so."""
    facts = await here.facts()
    return any(it[-1].kind == kind for run, it in facts.items() if run.startswith(f"{route}~"))


async def started(here: World, route: str, *, least: int = 1) -> list[str] | None:
    """Return the due times that have started a run, once there are enough of them."""
    runs = (await here.facts()).items()
    found = sorted(it[0].event_id or "" for run, it in runs if run.startswith(f"{route}~"))
    return found if len(found) >= least else None


async def run_of(here: World, route: str, due: str) -> str:
    """Return the run that a due time has started."""
    runs = (await here.facts()).items()
    (found,) = [run for run, it in runs if run.startswith(f"{route}~") and it[0].event_id == due]
    return found

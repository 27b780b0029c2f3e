"""Routes with a ``cron``: each due time starts one run, whatever is killed, changed or paused.

Temporal's server cannot skip time. A backfill lets its real scheduler go through months at once: it evaluates the spec
for each instant of them, summer time included, and starts what is due as it does on time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from temporalio.client import Client, ScheduleBackfill, ScheduleDescription, ScheduleHandle, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from perdure.values.rollout import RolloutRequest
from tests.support.command_line import perdure_of, printed
from tests.support.eventually import eventually
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ZURICH = ZoneInfo("Europe/Zurich")
NAME = {"name": "Report", "start": "Quick", "input": "{}", "timezone": "Europe/Zurich"}


def at(day: date, hour: int, minute: int) -> datetime:
    """Return what a clock on a wall in Zurich shows."""
    return datetime.combine(day, time(hour, minute))


def days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


async def schedule(here: World) -> ScheduleHandle:
    temporal = await Client.connect(here.suite.endpoints.temporal)
    return temporal.get_schedule_handle("perdure~perdure~Report")


async def until(handle: ScheduleHandle, holds: Callable[[ScheduleDescription], bool]) -> ScheduleDescription:
    """Wait until the schedule is as it should be."""
    async with asyncio.timeout(120):
        while True:
            try:
                found = await handle.describe()
                if holds(found):
                    return found
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(0.2)


async def go_through(handle: ScheduleHandle, first: date, last: date) -> None:
    """Let Temporal's scheduler go through these days, in Zurich."""
    begin = datetime.combine(first, time(), ZURICH)
    end = datetime.combine(last + timedelta(days=1), time(), ZURICH) - timedelta(seconds=1)
    await handle.backfill(ScheduleBackfill(begin, end, overlap=ScheduleOverlapPolicy.ALLOW_ALL))


async def change(here: World, **route: Any) -> None:
    """Change the route in the file, and roll it out."""
    file = here.folder / "perdure.yaml"
    configured = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**configured, "routes": [{**NAME, **route}]}))
    await here.roll_out(RolloutRequest())


async def started(here: World) -> Counter[str]:
    """Return how many runs each due time has started."""
    return Counter(
        fact.event_id or "" for facts in (await here.facts()).values() for fact in facts if fact.kind == "started"
    )


async def test_a_month_with_kills_changes_of_the_file_and_a_time_change_starts_each_due_time_once(
    world: OpenWorld,
) -> None:
    expected = {
        *(at(day, 6, 0) for day in days(date(2026, 10, 1), date(2026, 10, 15)) if day.weekday() < 5),
        *(at(day, 2, 30) for day in days(date(2026, 10, 16), date(2026, 10, 31))),
        *(at(day, 2, 30) for day in (date(2027, 3, 27), date(2027, 3, 29))),  # on the 28th there is no 02:30
    }
    assert len(expected) == 11 + 16 + 2
    began = datetime.now(ZURICH).replace(tzinfo=None)  # what is due by itself meanwhile is not counted
    async with world(routes=[{**NAME, "cron": "0 6 * * MON-FRI"}]) as here:
        handle = await schedule(here)
        await until(handle, lambda found: found.schedule.spec.time_zone_name == "Europe/Zurich")
        supervisor = here.suite.supervisor

        supervisor.kill("ingest")
        await go_through(handle, date(2026, 10, 1), date(2026, 10, 15))
        supervisor.kill("orchestrator")
        await change(here, cron="30 2 * * *")
        await until(handle, lambda found: "30 2 * * *" in (found.schedule.spec.calendars[0].comment or ""))
        await go_through(handle, date(2026, 10, 16), date(2026, 10, 31))
        supervisor.kill("orchestrator")
        await go_through(handle, date(2027, 3, 27), date(2027, 3, 29))
        supervisor.kill("ingest")
        await here.completed(len(expected), within=240)

        await change(here, cron="30 2 * * *", paused=True)
        await until(handle, lambda found: found.schedule.state.paused)
        (paused,) = await routes(here)
        await change(here, cron="30 2 * * *")
        resumed = await until(handle, lambda found: not found.schedule.state.paused)
        (going,) = await routes(here)

        walls = [on_the_wall(id_) for id_ in (await started(here)).elements()]
        runs = Counter(it for it in walls if not began <= it <= datetime.now(ZURICH).replace(tzinfo=None))
        dead_letters = [message async for message in here.bus.read("dlq.>")]

    assert runs == dict.fromkeys(expected, 1)
    assert dead_letters == []
    assert paused["schedule"]["paused"] == "paused by perdure.yaml"
    assert paused["schedule"]["next"] == []
    assert [datetime.fromisoformat(it) for it in going["schedule"]["next"]] == resumed.info.next_action_times[:5]


async def routes(here: World) -> list[dict[str, Any]]:
    return printed(await perdure_of(here.settings.state, "routes", "list", "--json"))


async def test_each_second_is_published_once_while_services_are_killed_and_none_while_it_is_paused(
    world: OpenWorld,
) -> None:
    async with world(routes=[{**NAME, "cron": "* * * * * *"}]) as here:
        handle = await schedule(here)
        await until(handle, lambda found: found.info.num_actions >= 2)
        for victim in ("orchestrator", "ingest", "orchestrator"):
            here.suite.supervisor.kill(victim)
            count = (await handle.describe()).info.num_actions
            await until(handle, partial(_has_started, count + 3))
        await handle.pause(note="an incident")
        before = await settled(here, handle)
        (paused,) = await routes(here)
        await eventually(lambda: passed(instants(before)[-1], seconds=3))  # so that something is due in the pause
        due = f"{instants(before)[-1] + timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"
        (skipped,) = printed(await perdure_of(here.settings.state, "explain", "--why-not", "Report", due, "--json"))
        await handle.unpause()
        await until(handle, lambda found: found.info.num_actions >= len(before) + 3)
        await handle.pause()
        after = await settled(here, handle)

    first, pause = instants(before), instants(after - before)
    assert first == [first[0] + timedelta(seconds=number) for number in range(len(first))]
    assert pause == [pause[0] + timedelta(seconds=number) for number in range(len(pause))]
    assert pause[0] > first[-1] + timedelta(seconds=1), "what was due in the pause is skipped"
    assert set(after.values()) == {1}
    assert paused["schedule"]["paused"] == "an incident"
    assert (skipped["asked"], skipped["about"], skipped["cause"]) == (f"Report@{due}", "due_time", "due_paused")
    assert "an incident" in skipped["why"]["text"]


async def passed(instant: datetime, *, seconds: int) -> bool:
    return datetime.now(instant.tzinfo) > instant + timedelta(seconds=seconds)


def _has_started(count: int, found: ScheduleDescription) -> bool:
    return found.info.num_actions >= count


def on_the_wall(id_: str) -> datetime:
    return datetime.fromisoformat(id_.removeprefix("Report@")).astimezone(ZURICH).replace(tzinfo=None)


def instants(ids: Counter[str]) -> list[datetime]:
    return sorted(datetime.fromisoformat(id_.removeprefix("Report@")) for id_ in ids)


async def settled(here: World, handle: ScheduleHandle) -> Counter[str]:
    """Wait until each due time that Temporal has seen has started its run; returns how many runs each has."""
    count = (await handle.describe()).info.num_actions
    async with asyncio.timeout(120):
        while len(runs := await started(here)) < count:
            await asyncio.sleep(0.2)
    return runs

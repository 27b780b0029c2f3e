"""Temporal's schedules become as the routes are, and leave alone what is not theirs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from perdure.bus import Bus, MemoryBus, RawMessage, decode
from perdure.config.routes import Route
from perdure.config.routes_digest import routes_digest
from perdure.contracts import ScheduleChanged
from perdure.contracts.runs import FoundRuns, RunSearch
from perdure.contracts.schedules import Schedules, ScheduleState
from perdure_orchestrator.found_runs import find
from perdure_orchestrator.schedules.change_log import ScheduleChangeLog
from perdure_orchestrator.schedules.reconciliation import RouteSchedules
from perdure_orchestrator.schedules.worker import due_worker, plain_client

pytestmark = pytest.mark.asyncio(loop_scope="session")


def route(name: str, cron: str = "0 6 * * *", **more: Any) -> Route:
    return Route.model_validate({"name": name, "cron": cron, "start": "Report", **more})


async def reconcile(
    client: Client, *routes: Route, queue: str = "q", is_current: bool = True, bus: Bus | None = None
) -> RouteSchedules:
    changes = ScheduleChangeLog(bus or MemoryBus(), routes)
    schedules = RouteSchedules(client, routes, queue, changes=changes, is_current=lambda: is_current)
    await schedules.reconcile()
    return schedules


async def described(client: Client, name: str, queue: str = "q") -> ScheduleDescription | None:
    try:
        return await client.get_schedule_handle(f"perdure~{queue}~{name}").describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def found(client: Client, name: str, queue: str = "q") -> ScheduleDescription:
    schedule = await described(client, name, queue)
    assert schedule is not None
    return schedule


async def states(schedules: RouteSchedules) -> dict[str, ScheduleState]:
    answer = Schedules.model_validate_json(await schedules.answer(RawMessage("queries.schedules.list", b"", {})))
    return {it.route: it for it in answer.schedules}


async def gone(client: Client, name: str, *routes: Route, bus: Bus | None = None) -> None:
    """Reconcile until a schedule is gone: Temporal's list of schedules lags."""
    for _ in range(100):
        await reconcile(client, *routes, bus=bus)
        if await described(client, name) is None:
            return
    pytest.fail(f"{name} is still there")


async def test_new_changed_and_removed_routes_become_so_at_temporal(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    await reconcile(client, route("a"), route("b"))
    await client.get_schedule_handle("perdure~q~b").trigger()
    before = await found(client, "b")

    await reconcile(client, route("a", "30 7 * * MON", timezone="Europe/Zurich", catch_up="1h"), route("b"))
    changed, unchanged = await found(client, "a"), await found(client, "b")
    await gone(client, "b", route("a"))

    assert changed.schedule.spec.time_zone_name == "Europe/Zurich"
    assert [it.start for it in changed.schedule.spec.calendars[0].day_of_week] == [1]
    assert changed.schedule.policy.catchup_window == timedelta(hours=1)
    assert unchanged.info.last_updated_at == before.info.last_updated_at, "an update drops what is to be caught up"
    assert await described(client, "a") is not None


async def recorded(bus: MemoryBus) -> list[tuple[str, str, str | None]]:
    acts = [decode(it.raw) async for it in bus.read("admin.schedule.>")]
    return [
        (it.act, it.route, it.declared.cron if it.declared else None) for it in acts if isinstance(it, ScheduleChanged)
    ]


async def test_each_change_of_the_file_is_recorded_once_with_what_was_before(real_server: WorkflowEnvironment) -> None:
    client, bus = real_server.client, MemoryBus()
    await reconcile(client, route("a"), route("b"), bus=bus)
    for _ in range(2):
        await reconcile(client, route("a", "0 7 * * *", paused=True), route("b"), bus=bus)
    await reconcile(client, route("a", "0 7 * * *"), route("b"), is_current=False, bus=bus)
    await reconcile(client, route("a", "0 7 * * *"), route("b"), bus=bus)
    await gone(client, "b", route("a", "0 7 * * *"), bus=bus)
    last = await bus.last("admin.schedule.a")
    resumed = None if last is None else decode(last.raw)

    assert await recorded(bus) == [
        ("created", "a", "0 6 * * *"),
        ("created", "b", "0 6 * * *"),
        ("changed", "a", "0 7 * * *"),
        ("paused", "a", "0 7 * * *"),
        ("resumed", "a", "0 7 * * *"),
        ("removed", "b", None),
    ]
    assert isinstance(resumed, ScheduleChanged)
    assert resumed.before is not None
    assert resumed.before.paused
    assert resumed.by == "perdure/orchestrator"
    assert resumed.rules == routes_digest([route("a", "0 7 * * *"), route("b")])


async def test_a_change_that_could_not_be_recorded_is_recorded_by_the_next_process(
    real_server: WorkflowEnvironment,
) -> None:
    client, bus = real_server.client, MemoryBus()
    await reconcile(client, route("a"), bus=bus)
    await reconcile(client, route("a", "0 7 * * *"))  # as if it were killed before it could record it on this bus
    await reconcile(client, route("a", "0 7 * * *"), bus=bus)

    assert await recorded(bus) == [("created", "a", "0 6 * * *"), ("changed", "a", "0 7 * * *")]


async def test_suites_of_one_namespace_leave_each_others_schedules_alone(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    await reconcile(client, route("a"), route("z"), queue="q")
    for queue in ("q~q", "qq", "q-x"):
        await reconcile(client, route("a"), queue=queue)
    await gone(client, "z", route("b"))

    assert [await described(client, "a", queue) is not None for queue in ("q~q", "qq", "q-x")] == [True] * 3


async def test_the_file_pauses_and_resumes_but_a_pause_by_anybody_else_stays(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    await reconcile(client, route("a", paused=True), route("b"))
    await client.get_schedule_handle("perdure~q~b").pause(note="an incident")
    paused = await found(client, "a")

    schedules = await reconcile(client, route("a"), route("b", "0 7 * * *"))
    resumed, by_hand = await found(client, "a"), await found(client, "b")
    listed = await states(schedules)

    assert paused.schedule.state.paused
    assert not resumed.schedule.state.paused
    assert by_hand.schedule.state.paused
    assert by_hand.schedule.spec.calendars[0].hour[0].start == 7
    assert (listed["a"].paused, listed["b"].paused) == (None, "an incident")
    assert listed["a"].next[0] == resumed.info.next_action_times[0]
    assert listed["b"].next == ()


async def test_a_process_whose_code_is_not_the_current_one_changes_nothing(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    await reconcile(client, route("a", "0 6 * * *"))
    await reconcile(client, route("a", "0 7 * * *"), is_current=False)
    schedule = await found(client, "a")

    assert schedule.schedule.spec.calendars[0].hour[0].start == 6


async def test_a_schedule_that_temporal_refuses_holds_up_no_other(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    zone = route("a").model_copy(update={"timezone": "Mars/Olympus"})  # as if only this system knew it
    schedules = await reconcile(client, zone, route("b"))
    listed = await states(schedules)

    assert "unknown time zone Mars/Olympus" in (listed["a"].problem or "")
    assert listed["b"].problem is None
    assert listed["b"].next


async def test_whoever_guesses_the_message_id_of_a_due_time_does_not_suppress_it(
    real_server: WorkflowEnvironment,
) -> None:
    client, bus = real_server.client, MemoryBus()
    now = datetime.now(UTC).replace(microsecond=0)
    for second in range(30):  # JetStream knows message ids of a whole stream, whatever the subject
        at = (now + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
        guessed = {"Nats-Msg-Id": f"perdure/schedules/schedules.a/a@{at}"}
        await bus.publish_raw(RawMessage("events.other", b"{}", guessed))
    async with due_worker(plain_client(client), bus, "q"):
        await reconcile(client, route("a", "* * * * * *"))
        async with asyncio.timeout(20):
            due = await anext(aiter(bus.subscribe("events.schedules.a", replay=True)))

    assert due.raw.headers["ce-source"] == "perdure/schedules"


async def test_a_condition_finds_no_due_time_that_waits_to_be_published(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    await reconcile(client, route("a", "* * * * * *"))  # nobody publishes: as while the orchestrator is down
    async with asyncio.timeout(20):
        while not (await found(client, "a")).info.num_actions:
            await asyncio.sleep(0.1)
        while not [it async for it in client.list_workflows("ExecutionStatus = 'Running'")]:
            await asyncio.sleep(0.1)
    search = RunSearch(where="ExecutionStatus = 'Running'").model_dump_json().encode()
    runs = FoundRuns.model_validate_json(await find(client, RawMessage("queries.runs.find", search, {})))

    assert runs.problem == ""
    assert runs.runs == (), "who cancels all that runs would lose these starts"

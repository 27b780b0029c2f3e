"""Sessions of runs with an MCP server that keeps state: never shared, kept for the whole run, closed with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import Progress
from tests.support.session_world import QUEUE, World, remembering, working, world

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED


@pytest.mark.parametrize(
    ("args", "settings", "starts"),
    [
        pytest.param([], {"session": "run"}, 3, id="operator"),
        pytest.param(["run"], {"session": None}, 4, id="server"),  # the first one says it, in the folder of all
    ],
)
async def test_each_run_has_a_session_for_all_its_calls_and_finds_nothing_of_another(
    environment: WorkflowEnvironment, tmp_path: Path, args: list[str], settings: dict[str, Any], starts: int
) -> None:
    async with world(environment, tmp_path, *args, **settings) as here:
        found = await asyncio.gather(
            *(here.run(name, f"add {name}1", "files", f"add {name}2", "read") for name in ("a", "b", "c"))
        )
        await here.all_closed()

        assert found == [[f"{it}1", "values", f"{it}1,{it}2", f"{it}1,{it}2"] for it in ("a", "b", "c")]
        assert len([line for line in here.lines() if line[0] == "+"]) == starts


async def test_the_first_calls_of_a_run_at_once_share_its_session(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path) as here:
        assert await here.run("a", "both 1", "both 2") == ["1", "1,1", "1,1,2", "1,1,2,2"]


async def test_a_shared_session_stays_shared_whatever_the_server_says(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path, "run", session="shared") as here:
        assert [await here.run(name, f"add {name}") for name in "ab"] == [["a"], ["a,b"]]


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "terminated"])
async def test_the_session_is_closed_with_its_run(environment: WorkflowEnvironment, tmp_path: Path, end: str) -> None:
    last = {"completed": "add 2", "failed": "fail"}.get(end, "go")
    async with world(environment, tmp_path) as here:
        handle = await here.start("a", "add 1", "go", last)
        await here.until(lambda: bool(here.lines()))
        if end == "terminated":
            await handle.terminate()
        elif end == "cancelled":
            await handle.cancel()
        else:
            await handle.signal("go_on")
        await here.all_closed()

        assert len(here.lines()) == 2
        await here.until(lambda: not any((tmp_path / "state" / "mcp" / "memory").iterdir()))


async def test_a_run_that_continues_as_new_keeps_its_session(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    async with world(environment, tmp_path) as here:
        assert await here.run("a", "add 1", "again", "add 2", "again", "read") == ["1", "1,2", "1,2"]
        await here.all_closed()

        assert len(here.lines()) == 2


async def test_a_later_run_of_the_same_workflow_id_begins_anew(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path) as here:
        assert [await here.run("a", "add 1") for _ in range(2)] == [["1"], ["1"]]


async def test_a_run_is_notified_once_that_its_session_ended_and_begins_anew(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path) as here:
        first, lost, *after = await here.run("a", "add 1", "die", "add 2", "add 3", "add 4")

        assert (first, after) == ("1", ["2", "2,3", "2,3,4"])
        assert lost.startswith(
            "The session of this run with the MCP server memory is gone: its process ended with exit"
        )
        assert here.notes() == [lost]


async def test_a_session_without_calls_is_closed_and_the_run_notified(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path, session_idle="300ms") as here:
        handle = await here.start("a", "add 1", "go", "add 2", "read")
        await here.until(lambda: len(here.lines()) == 2)
        await handle.signal("go_on")
        first, lost, *after = await handle.result()

    assert (first, after) == ("1", [""])
    assert "is gone: no call used it for 0.3s. " in lost


async def test_calls_wait_while_as_many_sessions_are_open_as_may(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path, max_sessions=1) as here:
        first = await here.start("a", "add 1", "go")
        await here.until(lambda: bool(here.lines()))
        second = await here.start("b", "add 2")
        await here.until(lambda: any(it.error for it in facts(here)))
        await first.signal("go_on")

        assert await second.result() == ["2"]
        assert "memory has 1 sessions open on this worker" in str(next(it.error for it in facts(here) if it.error))


def facts(here: World) -> list[Progress]:
    return [it for it in here.bus.published if isinstance(it, Progress)]


async def test_calls_of_a_run_go_to_the_worker_that_holds_its_session(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    names = [f"run-{number}" for number in range(4)]
    async with world(environment, tmp_path) as here, another_worker(environment, here, tmp_path):
        found = await asyncio.gather(*(here.run(name, *[f"add {it}" for it in range(6)]) for name in names))

    assert found == [[",".join(map(str, range(last + 1))) for last in range(6)]] * 4


async def test_a_run_whose_worker_ended_is_notified_by_another(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    log, bus = tmp_path / "log", MemoryBus()
    async with working(environment, tmp_path / "state", bus, remembering(log)) as client:
        here = World(client, log, bus)
        handle = await here.start("a", "add 1", "go", "add 2", "add 3")
        await here.until(lambda: any(it.kind == "step_completed" for it in facts(here)))
    async with working(environment, tmp_path / "state", bus, remembering(log)):
        await handle.signal("go_on")
        first, lost, after = await handle.result()

    assert (first, after) == ("1", "3")
    assert "is gone: the worker that held it has ended" in lost


@asynccontextmanager
async def another_worker(environment: WorkflowEnvironment, here: World, folder: Path) -> AsyncIterator[None]:
    async with working(environment, folder / "state-2", here.bus, remembering(here.log)):
        yield


async def test_a_run_that_reads_what_is_gone_is_notified_once_and_reads_on(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with world(environment, tmp_path, session_idle="300ms") as here:
        handle = await here.start("a", "add 1", "go", "read", "read", "add 2", "read")
        await here.until(lambda: len(here.lines()) == 2)
        await handle.signal("go_on")
        first, lost, *after = await handle.result()

    assert (first, after) == ("1", ["", "2", "2"])
    assert "is gone: no call used it for 0.3s. " in lost


async def test_sessions_with_two_servers_on_two_workers_are_both_found(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    log, bus, names = tmp_path / "log", MemoryBus(), [f"run-{number}" for number in range(6)]
    calls = ["all 1", "memory__add 2", "notes__add 3", "list", "read", "again", "all 4"]
    async with (
        working(real_server, tmp_path / "1", bus, remembering(log), notes=remembering(log)) as client,
        working(real_server, tmp_path / "2", bus, remembering(log), notes=remembering(log)),
    ):
        here = World(client, log, bus)
        found = await asyncio.gather(*(here.run(name, *calls, servers=("memory", "notes")) for name in names))

    assert found == [["1", "1", "1,2", "1,3", "memory notes", "1,2", "1,2,4", "1,3,4"]] * len(names)


async def test_calls_of_a_server_without_state_do_not_follow_the_session_with_another(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    log, bus = tmp_path / "log", MemoryBus()
    notes = remembering(log, session="shared")
    async with working(environment, tmp_path / "state", bus, remembering(log), notes=notes) as client:
        here = World(client, log, bus)
        calls = ["memory__add 1", "notes__add 2", "memory__add 3", "notes__add 4"]
        handle = await here.start("a", *calls, servers=("memory", "notes"))
        assert await handle.result() == ["1", "2", "1,3", "2,4"]
        events = (await handle.fetch_history()).events

    scheduled = [it.activity_task_scheduled_event_attributes for it in events if it.event_type == SCHEDULED]
    assert [it.task_queue.name == QUEUE for it in scheduled] == [True, True, False, True]


async def test_a_worker_that_is_busy_has_lost_no_session(
    real_server: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.flow.step_options._TAKEN_WITHIN", timedelta(seconds=1))
    log, bus, names = tmp_path / "log", MemoryBus(), [f"run-{number}" for number in range(6)]
    async with working(real_server, tmp_path / "1", bus, remembering(log), steps=1) as client:
        here = World(client, log, bus)
        busy = await here.start("busy", "add 1", "go", "wait 5")
        others = [await here.start(name, "add 1", "go", "add 2") for name in names]
        await here.until(lambda: sum(it.kind == "step_completed" for it in facts(here)) == len(names) + 1)
        async with working(real_server, tmp_path / "2", bus, remembering(log), steps=1):
            await busy.signal("go_on")
            await here.until(lambda: sum(it.kind == "step_started" for it in facts(here)) == len(names) + 2)
            for handle in others:
                await handle.signal("go_on")
            found = await asyncio.gather(*(handle.result() for handle in others))
            await busy.result()

    assert found == [["1", "1,2"]] * len(names)

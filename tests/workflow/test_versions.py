"""Runs stay on the version that they began on, on a real Temporal server; the first version of all becomes current."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.common import VersioningBehavior
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, StoredMessage
from perdure.errors import Unavailable
from perdure_orchestrator.own_version import OwnVersion
from tests.support.bridges import start_command
from tests.support.versioned import House, Orchestrator, build_of, ended, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn(name="Waiting")
class Old:
    def __init__(self) -> None:
        self._may_end = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._may_end)
        return "old"

    @workflow.signal
    def end(self) -> None:
        self._may_end = True


@workflow.defn(name="Waiting")
class New(Old):
    @workflow.run
    async def run(self) -> str:
        await super().run()
        return "new"


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Following(Old):
    @workflow.run
    async def run(self) -> str:
        return await super().run()


server = shared_server()


@pytest.fixture
def house(server: WorkflowEnvironment) -> House:
    return House(server)


async def promote(house: House, promoted: Orchestrator, build: str) -> None:
    await house.acts.promote(build, within=60)
    await until(lambda: promoted.own.is_current)


async def test_the_first_version_becomes_current_by_itself_and_new_runs_are_pinned_to_it(house: House) -> None:
    async with house.orchestrator("b1", Old) as first:
        run = await first.start("Waiting")  # before any version is current
        await until(lambda: first.own.is_current)
        another = await first.start("Waiting", request_eager_start=True)

        assert [await ended(run), await ended(another)] == ["old", "old"]
        assert [await build_of(run), await build_of(another)] == ["b1", "b1"]


async def test_a_later_version_takes_nothing_until_it_is_promoted(house: House) -> None:
    async with house.orchestrator("b1", Old) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", New) as second:
            for _ in range(5):
                assert await ended(await second.start("Waiting")) == "old"

            assert not second.own.is_current


async def test_an_open_run_without_a_version_goes_on_with_the_first_one(house: House) -> None:
    async with house.orchestrator(None, Old) as unversioned:
        run = await unversioned.start("Waiting")
        await until_started(run)
    async with house.orchestrator("b1", Old) as first:
        await until(lambda: first.own.is_current)

        assert await ended(run) == "old"
        assert await build_of(run) == "b1"


async def until_started(run: WorkflowHandle[Any, Any]) -> None:
    async with asyncio.timeout(60):
        while not any(
            it.HasField("workflow_task_completed_event_attributes") for it in (await run.fetch_history()).events
        ):
            await asyncio.sleep(0.05)


async def test_the_author_says_by_workflow_that_runs_follow_the_current_version(house: House) -> None:
    async with house.orchestrator("b1", Following) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Following")
        await until_started(run)
        async with house.orchestrator("b2", Following) as second:
            await promote(house, second, "b2")

            assert await ended(run) == "old"
            assert await build_of(run) == "b2"


async def test_an_orchestrator_without_versions_takes_new_runs(server: WorkflowEnvironment) -> None:
    own = OwnVersion(server.client, "q", None, has_worker=True, bus=MemoryBus())

    await own.watch()  # it has nothing to look at

    assert own.is_current


def start_of(workflow_name: str) -> tuple[str, StoredMessage]:
    """Return a run id and the command that starts it."""
    run_id = uuid4().hex
    return run_id, start_command(run_id, workflow=workflow_name, workflow_id=run_id, input=None)


async def test_an_old_bridge_asks_for_no_eager_start_once_another_version_is_current(house: House) -> None:
    async with house.orchestrator("b1", Old) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", New) as second:
            await promote(house, second, "b2")
            await until(lambda: not first.own.is_current)
            run_id, command = start_of("Waiting")

            await first.bridge.command(command)

            assert await ended(first.client.get_workflow_handle(run_id)) == "new"


async def test_an_old_bridge_does_not_refuse_what_the_current_code_may_take(house: House) -> None:
    async with house.orchestrator("b1", Old) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", New, Following) as second:
            await promote(house, second, "b2")
            await until(lambda: not first.own.is_current)
            run_id, command = start_of("Following")
            long_ago = replace(command, stored_at=datetime.now(UTC) - timedelta(hours=1))

            with pytest.raises(Unavailable, match="No workflow is called Following"):
                await first.bridge.command(long_ago)
            await second.bridge.command(long_ago)

            assert await ended(first.client.get_workflow_handle(run_id)) == "old"

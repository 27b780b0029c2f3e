"""Versions are listed, promoted, gone back from and retired, and runs are moved, on a real Temporal server."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowHandle
from temporalio.common import VersioningBehavior
from temporalio.testing import WorkflowEnvironment

from perdure.errors import NotFound, Pending, PerdureError
from perdure.flow import renew_when_long
from perdure.values.version_request import VersionAnswer
from perdure.versions.version_runs import RunMove, VersionRuns
from tests.support.versioned import House, build_of, ended, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Waiting:
    def __init__(self) -> None:
        self._may_end = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._may_end)
        return "ended"

    @workflow.signal
    def end(self) -> None:
        self._may_end = True


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Following(Waiting):
    @workflow.run
    async def run(self) -> str:
        return await super().run()


@workflow.defn
class Paying:
    @workflow.run
    async def run(self) -> str:
        paid: str = await workflow.execute_activity("pay", start_to_close_timeout=timedelta(minutes=1))
        return f"{paid}, {await workflow.execute_activity('pay', start_to_close_timeout=timedelta(minutes=1))}"


server = shared_server()


@pytest.fixture
def house(server: WorkflowEnvironment) -> House:
    return House(server)


def open_runs(house: House) -> VersionRuns:
    return VersionRuns(house.server.client, house.deployment, house.queue)


async def begun(run: WorkflowHandle[Any, Any]) -> None:
    """Wait until a run has completed a workflow task."""
    async with asyncio.timeout(60):
        while not any(
            it.HasField("workflow_task_completed_event_attributes") for it in (await run.fetch_history()).events
        ):
            await asyncio.sleep(0.05)


async def listed(house: House, *wanted: tuple[str, str, int]) -> VersionAnswer:
    """Wait until Temporal lists these builds with their states and open runs, the newest first."""
    async with asyncio.timeout(60):
        while True:
            answer = await house.acts.list()
            if [(it.build, it.state, it.open_runs) for it in answer.versions] == list(wanted):
                return answer
            await asyncio.sleep(0.3)


async def test_versions_are_listed_with_their_open_runs_until_they_are_drained(house: House) -> None:
    async with house.orchestrator("b1", Waiting, Following) as first:
        await until(lambda: first.own.is_current)
        run, following = await first.start("Waiting"), await first.start("Following")
        await begun(run)
        await begun(following)
        async with house.orchestrator("b2", Waiting, Following):
            await listed(house, ("b2", "inactive", 0), ("b1", "current", 1))
            answer = await house.acts.promote("b2", within=60)
            assert (answer.build, answer.before, answer.changed, answer.by) == ("b2", "b1", True, "ann")
            assert answer.left == 1

            assert (await listed(house, ("b2", "current", 0), ("b1", "draining", 1))).following == 1
            assert await ended(run) == "ended"
            await listed(house, ("b2", "current", 0), ("b1", "drained", 0))
            await until(lambda: first.own.open_runs == 0)  # the one that follows is open


async def test_the_first_version_records_that_it_promotes_itself_and_no_other_does(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: bool(first.bus.published))
        async with house.orchestrator("b2", Waiting) as second:
            await house.acts.promote("b2", within=60)
            await until(lambda: second.own.is_current and not first.own.is_current)
            await until(lambda: second.own.is_recorded)

    assert [it.model_dump(include={"act", "build", "before", "by"}) for it in first.bus.published] == [
        {"act": "promoted", "build": "b1", "before": None, "by": "perdure/orchestrator"}
    ]
    assert second.bus.published == []


async def test_a_promotion_may_be_repeated_and_says_who_made_it(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", Waiting):
            made = await house.acts.promote("b2", within=60)

            again = await house.acts.promote("b2", within=0)

            assert again == made.model_copy(update={"changed": False})


async def test_a_version_without_a_worker_is_not_promoted(house: House) -> None:
    with pytest.raises(NotFound, match="has no version b9; there are: none"):
        await house.acts.promote("b9", within=0)
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)

        with pytest.raises(NotFound, match="has no version b9; there are: b1"):
            await house.acts.promote("b9", within=0)


async def test_a_rollback_goes_to_the_version_before_once(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        with pytest.raises(NotFound, match="No version was current before b1"):
            await house.acts.rollback(None, within=0)
        async with house.orchestrator("b2", Waiting):
            await house.acts.promote("b2", within=60)

            back = await house.acts.rollback("b2", within=0)
            again = await house.acts.rollback("b2", within=0)

            assert (back.build, back.before, back.changed) == ("b1", "b2", True)
            assert (again.build, again.changed) == ("b1", False)


async def test_a_version_is_retired_once_nothing_is_left_of_it(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Waiting")
        await begun(run)
        with pytest.raises(PerdureError, match="New runs start on b1: promote another version first"):
            await house.acts.retire("b1")
        async with house.orchestrator("b2", Waiting):
            await house.acts.promote("b2", within=60)
            await listed(house, ("b2", "current", 0), ("b1", "draining", 1))

            with pytest.raises(PerdureError, match=f"1 run is open on b1: {run.id}"):
                await house.acts.retire("b1")
            await ended(run)
            await listed(house, ("b2", "current", 0), ("b1", "drained", 0))
            with pytest.raises(Pending, match="Temporal still lists its worker"):
                await house.acts.retire("b1")


async def test_runs_without_a_version_go_to_the_version_before_a_promotion(house: House) -> None:
    async with house.orchestrator(None, Waiting) as unversioned:
        run = await unversioned.start("Waiting")
        await begun(run)
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        async with asyncio.timeout(60):
            while (await house.acts.list()).unversioned != 1:
                await asyncio.sleep(0.2)
        async with house.orchestrator("b2", Waiting):
            await house.acts.promote("b2", within=60)

            assert await ended(run) == "ended"
            assert await build_of(run) == "b1"


async def test_a_moved_run_goes_on_there_and_its_step_in_flight_is_not_bought_again(house: House) -> None:
    calls: list[str] = []
    may_end = asyncio.Event()

    @activity.defn(name="pay")
    async def pay_slowly() -> str:
        calls.append("b1")
        await may_end.wait()
        return "b1"

    @activity.defn(name="pay")
    async def pay() -> str:
        calls.append("b2")
        return "b2"

    async with house.orchestrator("b1", Paying, activities=(pay_slowly,)) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Paying")
        await until(lambda: calls == ["b1"])
        async with house.orchestrator("b2", Paying, activities=(pay,)):
            await house.acts.promote("b2", within=60)
            run_id = (await run.describe()).run_id
            for _ in range(2):  # as after a crash
                assert await open_runs(house).move_all([(run.id, run_id)], "b2") == [RunMove(run.id, run_id, "moved")]
            may_end.set()

            assert await run.result() == "b1, b2"
            assert calls == ["b1", "b2"]
            assert await open_runs(house).move(run.id, run_id, "b2") == RunMove(run.id, run_id, "ended")


async def test_a_run_is_not_moved_to_a_version_that_nobody_knows(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Waiting")
        await begun(run)

        moved = await open_runs(house).move(run.id, (await run.describe()).run_id, "b9")

        assert moved.outcome == "refused"
        assert "is not present in task queue" in moved.why
        assert await ended(run) == "ended"


@workflow.defn
class Endless:
    """Notes in each round the version that it runs on, until it is stopped."""

    def __init__(self) -> None:
        self._rounds = 0
        self._stops = False

    @workflow.run
    async def run(self, builds: list[str]) -> list[str]:
        await renew_when_long(builds)
        version = workflow.info().get_current_deployment_version()
        builds = [*builds, version.build_id if version else ""]
        while not self._stops:
            await workflow.wait_condition(lambda: self._stops or self._rounds > 0)
            self._rounds -= 1
            await renew_when_long(builds)
        return builds

    @workflow.signal
    def go_round(self) -> None:
        self._rounds += 1

    @workflow.signal
    def end(self) -> None:
        self._stops = True


async def test_a_long_run_crosses_over_to_new_code_as_it_continues_as_new(house: House) -> None:
    async with house.orchestrator("b1", Endless) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Endless", [])
        await begun(run)
        await run.signal("go_round")  # there is no other code: it goes on in the same run
        async with house.orchestrator("b2", Endless):
            await house.acts.promote("b2", within=60)
            await run.signal("go_round")
            newest = first.client.get_workflow_handle(run.id)
            async with asyncio.timeout(60):
                while (await newest.describe()).run_id == run.first_execution_run_id:
                    await asyncio.sleep(0.1)

            assert await ended(newest) == ["b1", "b2"]


async def test_a_run_that_is_kept_on_its_version_does_not_renew_itself(house: House) -> None:
    async with house.orchestrator("b1", Endless) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Endless", [])
        await begun(run)
        async with house.orchestrator("b2", Endless):
            await house.acts.promote("b2", within=60)
            await open_runs(house).move(run.id, str(run.first_execution_run_id), "b1", stays=True)
            await run.signal("go_round")

            assert await ended(run) == ["b1"]
            assert (await run.describe()).run_id == run.first_execution_run_id

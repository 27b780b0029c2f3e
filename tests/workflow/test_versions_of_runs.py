"""The table in ``docs/upgrading.md``: the version on which a run goes that begins, or begins anew, after a promotion.

Two rows of it are proven elsewhere: ``renew_when_long`` and moved runs in ``test_version_acts``.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowHandle,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.connections.executions import describe_execution
from tests.support.versioned import House, Orchestrator, build_of, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def own_build() -> str:
    version = workflow.info().get_current_deployment_version()
    return version.build_id if version else ""


class Waiting:
    def __init__(self) -> None:
        self._signals = 0

    @workflow.signal
    def go_on(self) -> None:
        self._signals += 1

    async def waited(self) -> None:
        await workflow.wait_condition(lambda: self._signals > 0)
        self._signals -= 1


@workflow.defn
class Single(Waiting):
    @workflow.run
    async def run(self) -> str:
        await self.waited()
        return own_build()


@workflow.defn
class Twice(Waiting):
    @workflow.run
    async def run(self) -> str:
        await self.waited()
        await self.waited()
        return own_build()


@workflow.defn
class Parent(Waiting):
    @workflow.run
    async def run(self) -> str:
        await self.waited()
        child: str = await workflow.execute_child_workflow("Child")
        return child


@workflow.defn
class Child:
    @workflow.run
    async def run(self) -> str:
        return own_build()


@workflow.defn
class Continuing(Waiting):
    @workflow.run
    async def run(self, builds: list[str]) -> list[str]:
        if not builds:
            await self.waited()
            workflow.continue_as_new([own_build()])
        return [*builds, own_build()]


@workflow.defn
class Retried(Waiting):
    @workflow.run
    async def run(self) -> str:
        if workflow.info().attempt == 1:
            await self.waited()
            raise ApplicationError("the first attempt fails")
        return own_build()


server = shared_server()
WORKFLOWS = (Single, Twice, Parent, Child, Continuing, Retried)


@dataclass(frozen=True, slots=True)
class Place:
    """A house with two versions, of which b1 is current."""

    house: House
    first: Orchestrator

    async def begin(self, name: str, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        """Start a run on b1, and wait until it has begun."""
        run = await self.first.start(name, *args, **options)
        await self.tasks(run, 1)
        return run

    async def tasks(self, run: WorkflowHandle[Any, Any], number: int) -> list[int]:
        """Wait until the newest run of an id has completed so many workflow tasks, and return those events' ids."""
        newest = self.first.client.get_workflow_handle(run.id)
        async with asyncio.timeout(60):
            while True:
                events = (await newest.fetch_history()).events
                done = [it.event_id for it in events if it.HasField("workflow_task_completed_event_attributes")]
                if len(done) >= number:
                    return done
                await asyncio.sleep(0.05)

    async def promote(self) -> None:
        assert (await self.house.acts.promote("b2", within=60)).changed

    async def run_id(self, run: WorkflowHandle[Any, Any]) -> str:
        return (await describe_execution(self.first.client, run.id)).run_id

    async def another(self, run: WorkflowHandle[Any, Any], before: str) -> str:
        """Wait for another run of the same id that has begun, and return its build."""
        async with asyncio.timeout(60):
            while await self.run_id(run) == before:
                await asyncio.sleep(0.05)
        await self.tasks(run, 1)
        return await build_of(self.first.client.get_workflow_handle(run.id))

    async def reset(self, run: WorkflowHandle[Any, Any], event_id: int) -> str:
        """Begin a run anew before the end of a workflow task, and return the build of what follows."""
        before = await self.run_id(run)
        request = ResetWorkflowExecutionRequest(
            namespace=self.first.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=before),
            workflow_task_finish_event_id=event_id,
            request_id=uuid4().hex,
        )
        await self.first.client.workflow_service.reset_workflow_execution(request)
        return await self.another(run, before)


@pytest_asyncio.fixture(loop_scope="session")
async def place(server: WorkflowEnvironment) -> AsyncIterator[Place]:
    house = House(server)
    async with house.orchestrator("b1", *WORKFLOWS) as first:
        await until(lambda: first.own.is_current)
        async with house.orchestrator("b2", *WORKFLOWS):
            yield Place(house, first)


async def result(run: WorkflowHandle[Any, Any]) -> Any:
    async with asyncio.timeout(60):
        return await run.result()


async def test_a_run_that_an_event_or_a_schedule_starts_goes_on_the_current_version(place: Place) -> None:
    client, name = place.first.client, uuid4().hex
    action = ScheduleActionStartWorkflow("Child", id=name, task_queue=place.house.queue)
    schedule = await client.create_schedule(name, Schedule(action=action, spec=ScheduleSpec()))
    await place.promote()

    started = await place.first.start("Child")
    await schedule.trigger()
    async with asyncio.timeout(60):
        while not (taken := (await schedule.describe()).info.recent_actions):
            await asyncio.sleep(0.1)
    scheduled = taken[0].action.workflow_id  # type: ignore[attr-defined]

    assert await result(started) == "b2"
    assert await result(client.get_workflow_handle(scheduled)) == "b2"


async def test_a_child_run_goes_on_the_version_of_its_parent(place: Place) -> None:
    run = await place.begin("Parent")
    await place.promote()
    await run.signal("go_on")

    assert await result(run) == "b1"


async def test_a_run_that_continues_as_new_stays_on_its_version(place: Place) -> None:
    run = await place.begin("Continuing", [])
    await place.promote()
    await run.signal("go_on")

    assert await result(run) == ["b1", "b1"]


async def test_another_attempt_goes_on_the_current_version(place: Place) -> None:
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=100))
    run = await place.begin("Retried", retry_policy=policy)
    await place.promote()
    await run.signal("go_on")

    assert await result(run) == "b2"


async def test_the_next_run_of_a_cron_schedule_goes_on_the_current_version(place: Place) -> None:
    run = await place.begin("Single", cron_schedule="@every 1s")
    before = await place.run_id(run)
    await place.promote()
    await run.signal("go_on")

    assert await place.another(run, before) == "b2"
    await place.first.client.get_workflow_handle(run.id).terminate()


async def test_a_reset_run_stays_on_its_version_unless_nothing_is_left_of_what_it_has_done(place: Place) -> None:
    run = await place.begin("Twice")
    await run.signal("go_on")
    first_task, second_task = await place.tasks(run, 2)
    await place.promote()

    assert await place.reset(run, second_task) == "b1"
    assert await place.reset(run, first_task) == "b2"

"""The plugin in a client, a worker and a replayer assembled by hand."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic_ai.durable_exec.temporal import PydanticAIPayloadConverter, PydanticAIPlugin
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker, WorkerTuner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from perdure.bus import MemoryBus
from perdure.contracts import Progress
from perdure_orchestrator.sandbox import workflow_runner
from tests.support.plugged import Counting, client, count, plugin

SOON = timedelta(seconds=20)


class OwnSandbox(SandboxedWorkflowRunner):
    """A sandbox other than temporalio's."""


class OwnRunner(UnsandboxedWorkflowRunner):
    """A runner other than temporalio's."""


async def counted(connected: Client, worker: Worker) -> int:
    """Run a workflow on a worker, and return its result."""
    async with worker:
        result: int = await connected.execute_workflow(
            "Counting", "hi", id=uuid4().hex, task_queue=worker.task_queue, execution_timeout=SOON
        )
    return result


async def test_a_worker_assembled_by_hand_runs_an_agent_and_a_replayer_replays_it(
    environment: WorkflowEnvironment,
) -> None:
    bus, queue = MemoryBus(), uuid4().hex
    perdure = plugin(bus)
    connected = client(environment, plugins=[perdure])
    async with Worker(connected, task_queue=queue, workflows=[Counting], activities=[count], max_cached_workflows=0):
        run = await connected.start_workflow("Counting", "x" * 5000, id=uuid4().hex, task_queue=queue)
        result = await run.result()
    history = await run.fetch_history()

    await Replayer(workflows=[Counting], plugins=[perdure]).replay_workflow(history)

    assert result == 5000
    assert "x" * 2000 not in history.to_json(), "large payloads lie in the object store"
    kinds = [fact.kind for fact in bus.published if isinstance(fact, Progress)]
    assert (kinds[0], kinds[-1], kinds.count("note")) == ("started", "completed", 1)


async def test_a_worker_without_a_sandbox_stays_without_one(environment: WorkflowEnvironment) -> None:
    perdure = plugin(MemoryBus())
    worker = Worker(
        client(environment, plugins=[perdure]),
        task_queue=uuid4().hex,
        workflows=[Counting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )

    assert isinstance(worker.config(active_config=True)["workflow_runner"], UnsandboxedWorkflowRunner)


@pytest.mark.parametrize("runner", [OwnRunner(), OwnSandbox()])
@pytest.mark.parametrize("sandbox", [True, False])
async def test_a_runner_of_the_authors_own_class_stays(
    environment: WorkflowEnvironment, runner: OwnRunner | OwnSandbox, *, sandbox: bool
) -> None:
    worker = Worker(
        client(environment, plugins=[plugin(sandbox=sandbox)]),
        task_queue=uuid4().hex,
        workflows=[Counting],
        workflow_runner=runner,
    )

    used = worker.config(active_config=True)["workflow_runner"]
    assert type(used) is type(runner)
    if isinstance(used, OwnSandbox):
        assert "perdure" in used.restrictions.passthrough_modules


def test_a_sandbox_keeps_the_restrictions_and_the_inner_runner_that_the_author_gave() -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules("mine")

    used = workflow_runner(SandboxedWorkflowRunner(restrictions, OwnRunner), sandboxed=True)

    assert isinstance(used, SandboxedWorkflowRunner)
    assert used.runner_class is OwnRunner
    assert {"mine", "perdure"} <= used.restrictions.passthrough_modules


async def test_of_two_workers_that_run_one_after_the_other_both_execute_plain_functions(
    environment: WorkflowEnvironment,
) -> None:
    connected = client(environment, plugins=[plugin(sandbox=False)])
    first, second = (
        Worker(connected, task_queue=uuid4().hex, workflows=[Counting], activities=[count]) for _ in range(2)
    )

    assert [await counted(connected, worker) for worker in (first, second)] == [2, 2]


async def test_a_worker_with_a_tuner_leaves_the_number_of_activities_to_it(environment: WorkflowEnvironment) -> None:
    connected = client(environment, plugins=[plugin(sandbox=False)])
    tuner = WorkerTuner.create_fixed(workflow_slots=5, activity_slots=5, local_activity_slots=5, nexus_slots=5)
    worker = Worker(connected, task_queue=uuid4().hex, workflows=[Counting], activities=[count], tuner=tuner)

    assert await counted(connected, worker) == 2
    assert worker.config(active_config=True).get("max_concurrent_activities") is None


@pytest.mark.parametrize("given", [DataConverter(), DataConverter.default, pydantic_data_converter])
async def test_a_converter_that_equals_the_default_or_pydantics_is_taken_over(
    environment: WorkflowEnvironment, given: DataConverter
) -> None:
    perdure = plugin()
    connected = client(environment, data_converter=replace(given), plugins=[perdure])
    replayer = Replayer(workflows=[Counting], plugins=[perdure], data_converter=replace(given))

    for used in (connected.data_converter, replayer.config(active_config=True)["data_converter"]):
        assert used.payload_converter_class is pydantic_data_converter.payload_converter_class
        assert used.external_storage is not None


@pytest.mark.parametrize("first", [True, False])
async def test_the_plugin_works_beside_that_of_pydantic_ai(environment: WorkflowEnvironment, *, first: bool) -> None:
    perdure, other = plugin(sandbox=False), PydanticAIPlugin()
    connected = client(environment, plugins=[perdure, other] if first else [other, perdure])
    worker = Worker(connected, task_queue=uuid4().hex, workflows=[Counting], activities=[count])

    assert await counted(connected, worker) == 2
    assert connected.data_converter.payload_converter_class is PydanticAIPayloadConverter
    assert connected.data_converter.external_storage is not None

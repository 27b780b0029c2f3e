"""Every fact of a run carries the flow key of its route, and so does every fact of its children."""

from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment

from perdure.config.settings import TemporalSettings
from perdure.contracts import EventReference, StartWorkflow
from perdure.flow import note
from perdure_orchestrator.run_client import RunClient
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = timedelta(seconds=5)


@activity.defn
async def measure(number: int) -> int:
    return number


@workflow.defn
class Measuring:
    @workflow.run
    async def run(self, number: int) -> int:
        await workflow.execute_activity(measure, number, start_to_close_timeout=SOON)
        return await workflow.execute_local_activity(measure, number, start_to_close_timeout=SOON)


@workflow.defn
class Surveying:
    @workflow.run
    async def run(self, rounds: int) -> None:
        await note("begins")
        await workflow.execute_child_workflow(Measuring.run, rounds)
        if rounds:
            workflow.continue_as_new(rounds - 1)


@pytest.mark.parametrize("key", ["Bäcker & Co", None])
async def test_every_fact_of_a_run_and_its_children_carries_the_key(
    environment: WorkflowEnvironment, key: str | None
) -> None:
    start = StartWorkflow(
        route="Surveying",
        event=EventReference(id="e1", type="land.bought", source="test", stream_sequence=1),
        workflow="Surveying",
        workflow_id=f"Surveying-{key}",
        digest="0" * 64,
        input=1,
        key=key,
    )
    async with open_scripted_worker(environment, Surveying, Measuring, activities=[measure]) as worker:
        await RunClient(environment.client, TemporalSettings(task_queue=worker.queue)).start(start)
        await environment.client.get_workflow_handle(start.workflow_id).result()
        await worker.ending(start.workflow_id)

        facts = worker.progress

    assert {(fact.workflow, fact.kind) for fact in facts} >= {
        ("Surveying", "started"),
        ("Surveying", "note"),
        ("Surveying", "completed"),
        ("Measuring", "started"),
        ("Measuring", "step_started"),
        ("Measuring", "step_completed"),
        ("Measuring", "completed"),
    }
    assert len({fact.run_id for fact in facts}) == 4
    assert {fact.key for fact in facts} == {key}
    assert {fact.event_id for fact in facts} == {"e1"}

"""The progress of every run has an end on the bus, also where the run itself cannot publish it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from perdure.contracts import ENDINGS
from tests.support.suite import World, gaps, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [
    {"on": "work.patient", "start": "Patient"},
    {"on": "work.chained", "start": "Chain"},
    {"on": "work.foreign", "start": "Foreign", "task_queue": "orders", "flow": {"max_open": 1}},
]

live = shared_world(routes=ROUTES, orchestrator={"reconcile_every_seconds": 0.5})


async def test_runs_that_were_ended_from_outside_or_never_began_have_an_end(live: World) -> None:
    temporal = await Client.connect(live.suite.endpoints.temporal)
    await live.publish("work.patient", b"{}", Nats_Msg_Id="given-up")
    await temporal.start_workflow("Chain", "no steps at all", id="Chain~wrong", task_queue="perdure")
    await temporal.start_workflow(
        "Patient", {}, id="late", task_queue="perdure", execution_timeout=timedelta(seconds=1)
    )
    await begun(live, "Patient~given-up")
    await temporal.get_workflow_handle("Patient~given-up").terminate(reason="out of patience")
    facts = await live.stories("Patient~given-up", "Chain~wrong", "late")

    endings = {run: progress[-1] for run, progress in facts.items()}
    assert {run: ending.kind for run, ending in endings.items()} == {
        "Patient~given-up": "terminated",
        "Chain~wrong": "failed",
        "late": "timed_out",
    }
    assert "out of patience" in str(endings["Patient~given-up"].error)
    assert endings["Patient~given-up"].event_id == "given-up"
    assert "Failed decoding arguments: 1 validation error" in str(endings["Chain~wrong"].error)
    assert [run for run, progress in facts.items() if gaps(progress)] == []
    assert [len([it for it in progress if it.kind in ENDINGS]) for progress in facts.values()] == [1, 1, 1]


async def test_runs_that_were_reset_from_outside_have_complete_progress(live: World) -> None:
    temporal = await Client.connect(live.suite.endpoints.temporal)
    for run in ("early", "late", "ended", "terminated"):
        await live.publish("work.chained", b'{"steps": 4}', Nats_Msg_Id=run)
    for run, first in (("early", True), ("late", False)):
        await steps_recorded(temporal, f"Chain~{run}", 2)
        await reset(temporal, f"Chain~{run}", first=first)
    await live.stories(*(f"Chain~{run}" for run in ("early", "late", "ended", "terminated")))
    for run in ("ended", "terminated"):
        await reset(temporal, f"Chain~{run}", first=True)
    await temporal.get_workflow_handle("Chain~terminated").terminate(reason="out of patience")
    assert await temporal.get_workflow_handle("Chain~ended").result() == 4
    await ended_twice(live, {"Chain~ended", "Chain~terminated"})
    await reconciled(live)
    facts = await live.facts()

    progress = {run: facts[f"Chain~{run}"] for run in ("early", "late", "ended", "terminated")}
    assert {run: [fact.kind for fact in found if fact.kind in ENDINGS] for run, found in progress.items()} == {
        "early": ["completed"],
        "late": ["completed"],
        "ended": ["completed", "completed"],
        "terminated": ["completed", "terminated"],
    }
    assert {run: gaps(found) for run, found in progress.items() if gaps(found)} == {}
    assert [len({fact.run_id for fact in found}) for found in progress.values()] == [2, 2, 2, 2]
    assert len({fact.run_id for fact in progress["ended"] if fact.kind in ENDINGS}) == 2


@workflow.defn(name="Foreign", sandboxed=False)
class Foreign:
    """A workflow of somebody else, whose worker knows nothing of Perdure."""

    @workflow.run
    async def run(self, event: dict[str, str]) -> str:
        return event["name"]


async def test_runs_on_a_task_queue_of_somebody_else_give_their_slots_back(live: World) -> None:
    temporal = await Client.connect(live.suite.endpoints.temporal)
    async with Worker(temporal, task_queue="orders", workflows=[Foreign]):
        for name in ("a", "b", "c"):
            await live.publish("work.foreign", f'{{"name": "{name}"}}'.encode(), Nats_Msg_Id=name)
        facts = await live.stories("Foreign~a", "Foreign~b", "Foreign~c")

    assert {fact.kind for run in ("a", "b", "c") for fact in facts[f"Foreign~{run}"]} == {"completed"}


async def ended_twice(live: World, runs: set[str]) -> None:
    """Wait until each of these runs has published two ends: one before and one after its reset."""
    async with asyncio.timeout(60):
        while True:
            facts = await live.facts()
            if all(len([fact for fact in facts[run] if fact.kind in ENDINGS]) == 2 for run in runs):
                return
            await asyncio.sleep(0.2)


async def steps_recorded(temporal: Client, run: str, count: int) -> None:
    """Wait until Temporal has recorded the ends of so many steps."""
    async with asyncio.timeout(30):
        while True:
            with suppress(RPCError):
                events = (await temporal.get_workflow_handle(run).fetch_history()).events
                if sum(it.HasField("activity_task_completed_event_attributes") for it in events) >= count:
                    return
            await asyncio.sleep(0.05)


async def reset(temporal: Client, run: str, *, first: bool) -> None:
    """Reset a run to its first or last workflow task, as an operator does."""
    handle = temporal.get_workflow_handle(run)
    tasks = [
        event.event_id
        for event in (await handle.fetch_history()).events
        if event.HasField("workflow_task_completed_event_attributes")
    ]
    request = ResetWorkflowExecutionRequest(
        namespace=temporal.namespace,
        workflow_execution=WorkflowExecution(workflow_id=run, run_id=(await handle.describe()).run_id),
        reason="a test",
        workflow_task_finish_event_id=tasks[0 if first else -1],
        request_id=uuid4().hex,
    )
    await temporal.workflow_service.reset_workflow_execution(request)


async def reconciled(live: World) -> None:
    """Wait until the reconciler has looked at a later run, so that duplicate or wrong ends show."""
    await live.publish("work.patient", b"{}", Nats_Msg_Id="later")
    await begun(live, "Patient~later")
    temporal = await Client.connect(live.suite.endpoints.temporal)
    await temporal.get_workflow_handle("Patient~later").terminate()
    await live.stories("Patient~later")


async def begun(live: World, run: str) -> None:
    while run not in await live.facts():
        await asyncio.sleep(0.1)

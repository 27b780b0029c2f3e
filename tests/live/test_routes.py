"""Temporal runs workflows with the options of their routes."""

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError

from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED

ROUTES = [
    {
        "on": "work.patient",
        "start": "Patient",
        "workflow_id": "patient-{data.tenant}",
        "run_timeout": "1s",
        "priority": "data.urgent ? 1 : 5",
        "fairness_key": "{data.tenant}",
        "input": {"n": "1"},
    },
    {"on": "work.quick", "start": "Quick", "start_delay": "2s"},
    {
        "on": "work.counted",
        "signal_with_start": {"start": "Tally", "signal": "add", "input": {"n": "data.n"}},
        "workflow_id": "tally",
        "input": "data.n",
    },
    {"on": "work.stopped", "signal": "stop", "workflow_id": "tally"},
]

here = shared_world(routes=ROUTES, orchestrator={"reconcile_every_seconds": 0.5})


async def test_runs_have_the_options_of_their_routes(here: World) -> None:
    temporal = await Client.connect(here.suite.endpoints.temporal)
    await here.publish("work.quick", b"{}", Nats_Msg_Id="late")
    for number in range(2):
        await here.publish("work.patient", b'{"tenant": "acme", "urgent": true}', Nats_Msg_Id=f"p{number}")
    stories = await here.stories("patient-acme", "Quick~late")
    (dead_letter,) = await here.dead_letters(1)
    patient = (await temporal.get_workflow_handle("patient-acme").describe()).raw_description
    quick = await temporal.get_workflow_handle("Quick~late").describe()

    assert {run: story[-1].kind for run, story in stories.items()} == {
        "patient-acme": "timed_out",
        "Quick~late": "completed",
    }
    assert dead_letter.reason == "run_exists"
    priority = patient.workflow_execution_info.priority
    assert (priority.priority_key, priority.fairness_key) == (1, "acme")
    assert quick.execution_time is not None
    assert (quick.execution_time - quick.start_time).total_seconds() > 1


async def test_many_events_signal_one_run_and_the_first_starts_it(here: World) -> None:
    for number in range(1, 5):
        await here.publish("work.counted", b'{"n": %d}' % number, Nats_Msg_Id=f"c{number}")
    await counted(here, 4)  # concurrent signals may arrive in any order, and the last one ends the run
    await here.publish("work.stopped", b"null", Nats_Msg_Id="s1")
    facts = await here.stories("tally")

    assert facts["tally"][-1].result == 10


async def counted(here: World, signals: int) -> None:
    """Wait until Temporal holds so many signals of the run."""
    temporal = await Client.connect(here.suite.endpoints.temporal)
    run = temporal.get_workflow_handle("tally")
    async with asyncio.timeout(30):
        while True:
            try:
                history = await run.fetch_history()
            except RPCError:
                continue  # it has not begun
            if [event.event_type for event in history.events].count(SIGNALED) >= signals:
                return
            await asyncio.sleep(0.1)

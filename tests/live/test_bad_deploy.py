"""A deploy brings a bug while runs are open: they wait under an alert, and mended code finishes them."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.bus import MemoryBus, MemoryObjects, RawMessage, decode
from perdure.config.settings import Settings
from perdure.contracts import Alert, ApprovalRequested
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.command_line import perdure_of
from tests.support.people import signed
from tests.support.suite import World, gaps
from tests.support.workshop import Dispatch

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

RUN = "Patient~one"
FIRST = "await workflow.wait_condition(lambda: self._released)"
DISPATCH = "Dispatch~one"
APPROVED = "self.is_approved = True"
FAULTS = {
    "KeyError": (APPROVED, '{}["address"]'),
    "import error": (APPROVED, "import no_such_module"),
    "undecodable result": ("grams: int", "grams: int\n    price: int"),
    "nondeterminism": ("weight: Weight =", "await saga.run(record_step, 0)\n            weight: Weight ="),
}
ERRORS = {
    "KeyError": "KeyError: 'address' (",
    "import error": "No module named 'no_such_module'",
    "undecodable result": "Failed decoding arguments",
    "nondeterminism": "Nondeterminism",
}

Received = TypeVar("Received")

ANOTHER_FIRST = f"await workflow.execute_activity(record_step, 6, start_to_close_timeout=SOON); {FIRST}"


async def test_a_run_that_new_code_cannot_replay_waits_reports_why_and_continues_once_the_code_is_back(
    world: OpenWorld, tmp_path: Path
) -> None:
    module = tmp_path / "workshop.py"
    async with world() as live:
        good = module.read_text()
        await live.publish("work.patient", b"{}", Nats_Msg_Id="one")
        await recorded(live)

        await deploy(live, module, good.replace(FIRST, ANOTHER_FIRST))
        await live.bus.publish_raw(RawMessage(f"signals.{RUN}.go", b"", {}))
        stuck = await failing(live)
        module.write_text(f"import no_such_module\n{good}")
        live.suite.supervisor.kill("orchestrator")
        broken = await first(live, "alerts.perdure.>", Alert)
        doctor = await perdure_of(live.settings.state, "doctor")
        await deploy(live, module, good)
        facts = await live.completed(1)

    assert "no_such_module" in str(broken.details)
    assert "no_such_module" in doctor.stdout
    assert stuck.status == "RUNNING"
    assert "Nondeterminism" in str(stuck.task_failure)
    assert [fact.kind for fact in facts[RUN]] == ["started", "step_started", "step_completed", "completed"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bug_destroys_no_open_work(world: OpenWorld, tmp_path: Path, fault: str) -> None:
    module = tmp_path / "workshop.py"
    async with world(routes=[{"on": "work.dispatch", "start": "Dispatch"}]) as live:
        key, _ = enrol(ApproversFile(live.settings.approvers_file), live.settings.keys_folder, "ada", roles=[])
        good = module.read_text()
        await live.publish("work.dispatch", b"{}", Nats_Msg_Id="one")
        request = await first(live, "approvals.requested.>", ApprovalRequested)

        await deploy(live, module, good.replace(*FAULTS[fault]))
        decision = signed(key, "ada", request.request_id, request.digest)
        await live.bus.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))
        alert = await first(live, "alerts.>", Alert)
        stuck = await failing(live, DISPATCH)
        await deploy(live, module, good)
        facts = await live.completed(1)
        history = await (await temporal(live)).get_workflow_handle(DISPATCH).fetch_history()

    assert (stuck.status, alert.workflow_id) == ("RUNNING", DISPATCH)
    assert ERRORS[fault] in str(alert.details)
    assert live.executions() == {DISPATCH: [1, 2]}
    assert facts[DISPATCH][-1].result == 5
    assert gaps(facts[DISPATCH]) == set()
    await replay(history)


async def replay(history: WorkflowHistory) -> None:
    settings = Settings.model_validate({"temporal": {"sandbox": False}})
    plugin = PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects())
    await Replayer(workflows=[Dispatch], plugins=[plugin]).replay_workflow(history)


async def first(live: World, subjects: str, kind: type[Received]) -> Received:
    """Wait for the first message on these subjects."""
    async with asyncio.timeout(90):
        async for message in live.bus.subscribe(subjects, replay=True):
            found = decode(message.raw)
            assert isinstance(found, kind)
            return found
    raise AssertionError


async def temporal(live: World) -> Client:
    return await Client.connect(live.suite.endpoints.temporal)


async def recorded(live: World) -> None:
    """Wait until Temporal has recorded the first commands of the run, which the new code cannot replay."""
    run = (await temporal(live)).get_workflow_handle(RUN)
    while (await live.facts()).get(RUN) is None:
        await asyncio.sleep(0.1)
    while not any(it.HasField("workflow_task_completed_event_attributes") for it in (await run.fetch_history()).events):
        await asyncio.sleep(0.1)


async def deploy(live: World, module: Path, code: str) -> None:
    module.write_text(code)
    live.suite.supervisor.kill("orchestrator")
    await live.suite.supervisor.ready("orchestrator")


async def failing(live: World, run: str = RUN) -> RunDescription:
    """Wait until workflow tasks of the run fail repeatedly."""
    query = RunQuery(workflow_id=run).model_dump_json().encode()
    while True:
        description = RunDescription.model_validate_json(await live.bus.request(DESCRIBE_RUN, query))
        if description.task_failure is not None:
            return description
        await asyncio.sleep(0.2)

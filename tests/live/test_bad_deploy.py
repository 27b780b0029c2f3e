"""A deploy brings a bug or code that does not fit while runs are open: no open work is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
from perdure.local.services import of_build
from perdure.values.rollout import Stays
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
BUGS = {
    "KeyError": (APPROVED, '{}["address"]'),
    "import error": (APPROVED, "import no_such_module"),
}
ERRORS = {
    "KeyError": "KeyError: 'address' (",
    "import error": "No module named 'no_such_module'",
}
MISFITS = {
    "undecodable result": ("grams: int", "grams: int\n    price: int"),
    "nondeterminism": ("weight: Weight =", "await saga.run(record_step, 0)\n            weight: Weight ="),
}

Received = TypeVar("Received")

ANOTHER_FIRST = f"await workflow.execute_activity(record_step, 6, start_to_close_timeout=SOON); {FIRST}"


async def test_a_run_that_new_code_cannot_replay_goes_on_with_the_old_code_also_after_a_kill(
    world: OpenWorld, tmp_path: Path
) -> None:
    async with world() as live:
        good = (tmp_path / "workshop.py").read_text()
        before = live.suite.rollouts.build
        await live.publish("work.patient", b"{}", Nats_Msg_Id="one")
        await recorded(live)

        events = await live.deploy(good.replace(FIRST, ANOTHER_FIRST))
        for name in ("orchestrator", of_build("orchestrator", before)):
            live.suite.supervisor.kill(name)
            await live.suite.supervisor.ready(name)
        await live.bus.publish_raw(RawMessage(f"signals.{RUN}.go", b"", {}))
        facts = await live.completed(1)

    assert [event.run for event in events if isinstance(event, Stays)] == [RUN]
    assert [fact.kind for fact in facts[RUN]] == ["started", "step_started", "step_completed", "completed"]


async def test_an_orchestrator_that_cannot_load_its_code_reports_why_and_starts_once_it_is_mended(
    world: OpenWorld,
) -> None:
    async with world() as live:
        kept = live.settings.state / "versions" / live.suite.rollouts.build / "workshop.py"
        good = kept.read_text()

        kept.write_text(f"import no_such_module\n{good}")
        live.suite.supervisor.kill("orchestrator")
        broken = await first(live, "alerts.perdure.>", Alert)
        doctor = await perdure_of(live.settings.state, "doctor")
        kept.write_text(good)
        await live.suite.supervisor.ready("orchestrator")

    assert "no_such_module" in str(broken.details)
    assert "no_such_module" in doctor.stdout


@pytest.mark.parametrize("fault", BUGS)
async def test_a_bug_destroys_no_open_work(world: OpenWorld, tmp_path: Path, fault: str) -> None:
    async with dispatching(world) as (live, decision):
        good = (tmp_path / "workshop.py").read_text()

        await live.deploy(good.replace(*BUGS[fault]))
        await live.bus.publish_raw(decision)
        alert = await first(live, "alerts.>", Alert)
        stuck = await failing(live, DISPATCH)
        await live.deploy(good)
        facts = await live.completed(1)
        history = await (await temporal(live)).get_workflow_handle(DISPATCH).fetch_history()

    assert (stuck.status, alert.workflow_id) == ("RUNNING", DISPATCH)
    assert ERRORS[fault] in str(alert.details)
    assert live.executions() == {DISPATCH: [1, 2]}
    assert facts[DISPATCH][-1].result == 5
    assert gaps(facts[DISPATCH]) == set()
    await replay(history)


@pytest.mark.parametrize("change", MISFITS)
async def test_code_that_does_not_fit_an_open_run_never_gets_it(world: OpenWorld, tmp_path: Path, change: str) -> None:
    async with dispatching(world) as (live, decision):
        good = (tmp_path / "workshop.py").read_text()

        events = await live.deploy(good.replace(*MISFITS[change]))
        await live.bus.publish_raw(decision)
        facts = await live.completed(1)

    assert [event.run for event in events if isinstance(event, Stays)] == [DISPATCH]
    assert live.executions() == {DISPATCH: [1, 2]}
    assert facts[DISPATCH][-1].result == 5


@asynccontextmanager
async def dispatching(world: OpenWorld) -> AsyncIterator[tuple[World, RawMessage]]:
    """Run a suite with a run that waits for a person; yields the approval, too."""
    async with world(routes=[{"on": "work.dispatch", "start": "Dispatch"}]) as live:
        key, _ = enrol(ApproversFile(live.settings.approvers_file), live.settings.keys_folder, "ada", roles=[])
        await live.publish("work.dispatch", b"{}", Nats_Msg_Id="one")
        request = await first(live, "approvals.requested.>", ApprovalRequested)
        decision = signed(key, "ada", request.request_id, request.digest)
        yield live, RawMessage(decision.subject, decision.model_dump_json().encode(), {})


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


async def failing(live: World, run: str = RUN) -> RunDescription:
    """Wait until workflow tasks of the run fail repeatedly."""
    query = RunQuery(workflow_id=run).model_dump_json().encode()
    while True:
        description = RunDescription.model_validate_json(await live.bus.request(DESCRIBE_RUN, query))
        if description.task_failure is not None:
            return description
        await asyncio.sleep(0.2)

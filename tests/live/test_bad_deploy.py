"""A deploy lands mid-run, and the code no longer fits what the run did before."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from temporalio.client import Client

from perdure.bus import RawMessage
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

RUN = "Patient-one"
FIRST = "await workflow.wait_condition(lambda: self._went)"
ELSE_FIRST = f"await workflow.execute_activity(note_down, 6, start_to_close_timeout=SOON); {FIRST}"


async def test_a_run_that_the_new_code_does_not_fit_waits_says_why_and_goes_on_when_code_fits_again(
    world: OpenWorld, tmp_path: Path
) -> None:
    module = tmp_path / "workshop.py"
    async with world() as here:
        good = module.read_text()
        await here.publish("work.patient", b"{}", Nats_Msg_Id="one")
        await recorded(here)

        await deploy(here, module, good.replace(FIRST, ELSE_FIRST))
        await here.bus.publish_raw(RawMessage(f"signals.{RUN}.go", b"", {}))
        stuck = await failing(here)
        await deploy(here, module, good)
        facts = await here.completed(1)

    assert stuck.status == "RUNNING"
    assert "Nondeterminism" in str(stuck.task_failure)
    assert [fact.kind for fact in facts[RUN]] == ["started", "step_started", "step_completed", "completed"]


async def recorded(here: World) -> None:
    """Wait until Temporal has recorded what the run did first: before that, there is nothing to fit."""
    client = await Client.connect(here.suite.endpoints.temporal)
    run = client.get_workflow_handle(RUN)
    while (await here.facts()).get(RUN) is None:
        await asyncio.sleep(0.1)
    while not any(it.HasField("workflow_task_completed_event_attributes") for it in (await run.fetch_history()).events):
        await asyncio.sleep(0.1)


async def deploy(here: World, module: Path, code: str) -> None:
    module.write_text(code)
    here.suite.supervisor.kill("orchestrator")
    await here.suite.supervisor.ready("orchestrator")


async def failing(here: World) -> RunDescription:
    """Wait until Temporal has tried the run's code more than once in vain."""
    question = RunQuery(workflow_id=RUN).model_dump_json().encode()
    while True:
        description = RunDescription.model_validate_json(await here.bus.request(DESCRIBE_RUN, question))
        if description.task_failure is not None:
            return description
        await asyncio.sleep(0.2)

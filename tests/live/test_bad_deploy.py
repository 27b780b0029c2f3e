"""A deploy changes a workflow incompatibly while its run is open."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from temporalio.client import Client

from perdure.bus import RawMessage
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

RUN = "Patient~one"
FIRST = "await workflow.wait_condition(lambda: self._released)"
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
        await deploy(live, module, good)
        facts = await live.completed(1)

    assert stuck.status == "RUNNING"
    assert "Nondeterminism" in str(stuck.task_failure)
    assert [fact.kind for fact in facts[RUN]] == ["started", "step_started", "step_completed", "completed"]


async def recorded(live: World) -> None:
    """Wait until Temporal has recorded the first commands of the run, which the new code cannot replay."""
    client = await Client.connect(live.suite.endpoints.temporal)
    run = client.get_workflow_handle(RUN)
    while (await live.facts()).get(RUN) is None:
        await asyncio.sleep(0.1)
    while not any(it.HasField("workflow_task_completed_event_attributes") for it in (await run.fetch_history()).events):
        await asyncio.sleep(0.1)


async def deploy(live: World, module: Path, code: str) -> None:
    module.write_text(code)
    live.suite.supervisor.kill("orchestrator")
    await live.suite.supervisor.ready("orchestrator")


async def failing(live: World) -> RunDescription:
    """Wait until workflow tasks of the run fail repeatedly."""
    query = RunQuery(workflow_id=RUN).model_dump_json().encode()
    while True:
        description = RunDescription.model_validate_json(await live.bus.request(DESCRIBE_RUN, query))
        if description.task_failure is not None:
            return description
        await asyncio.sleep(0.2)

"""A run tells people of what needs no answer."""

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import Alert
from perdure.flow import alert
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Alarming:
    @workflow.run
    async def run(self) -> str:
        await alert("The pump is hot", details={"degrees": 90}, severity="critical", roles=["plumber"])
        await alert("It burns")
        return "told"


async def test_each_alert_is_said_once_though_every_task_replays(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Alarming) as stage:
        run = await stage.start("Alarming", run_id="a")
        assert await run.result() == "told"

    said = [message for message in stage.bus.published if isinstance(message, Alert)]
    assert [(it.title, it.details, it.severity, it.roles) for it in said] == [
        ("The pump is hot", {"degrees": 90}, "critical", ("plumber",)),
        ("It burns", None, "normal", ()),
    ]
    assert [it.message_id for it in said] == [f"alert.{run.first_execution_run_id}.{number}" for number in (1, 2)]

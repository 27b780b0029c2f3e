"""A run alerts people to something that needs no decision."""

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
        return "alerted"


async def test_each_alert_is_published_once_although_every_task_replays(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Alarming) as worker:
        run = await worker.start("Alarming", run_id="a")
        assert await run.result() == "alerted"

    alerts = [message for message in worker.bus.published if isinstance(message, Alert)]
    assert [(it.title, it.details, it.severity, it.roles) for it in alerts] == [
        ("The pump is hot", {"degrees": 90}, "critical", ("plumber",)),
        ("It burns", None, "normal", ()),
    ]
    assert [it.message_id for it in alerts] == [f"alert.{run.first_execution_run_id}.{number}" for number in (1, 2)]

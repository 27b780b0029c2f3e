"""Servers that may take longer than a step usually does: the operator's timeouts count, and no call is made twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.flow import Agent, step_options
from perdure.flow.messages import CALL_TOOL
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends, read_rules
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.odd_servers import odd
from tests.support.patient_worker import patient

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUEUE = "slow"


@workflow.defn
class Calling:
    @workflow.run
    async def run(self) -> str:
        return (await Agent("clerk", server_names=["slow"]).tools.call("work", {})).text


@asynccontextmanager
async def calling(
    environment: WorkflowEnvironment, folder: Path, tool: dict[str, Any], llm: dict[str, Any], **settings: Any
) -> AsyncIterator[WorkflowHandle[Any, str]]:
    whole = {"temporal": {"sandbox": False}, "state": folder / "state", "llm": llm}
    work = {"name": "work", "inputSchema": {"type": "object"}, "result": {"content": []}, **tool}
    backends = AgentBackends(ScriptedModel(()), {"slow": odd(work, **settings)})
    plugin = PerdurePlugin(Settings.model_validate(whole), bus=MemoryBus(), objects=MemoryObjects(), backends=backends)
    client = await Client.connect(environment.client.service_client.config.target_host, plugins=[plugin])
    async with patient(Worker(client, task_queue=QUEUE, workflows=[Calling], max_cached_workflows=0)):
        yield await client.start_workflow(Calling.run, id="calling", task_queue=QUEUE)


@pytest.mark.parametrize(
    ("settings", "llm", "longest"),
    [
        ({}, {}, timedelta(minutes=10)),
        ({"start_timeout": timedelta(minutes=12)}, {}, timedelta(minutes=18)),  # with the call, and a minute
        ({"call_timeout": timedelta(minutes=30)}, {}, timedelta(minutes=33)),
        ({}, {"request_timeout": "20m"}, timedelta(minutes=23)),
    ],
)
async def test_a_step_may_last_as_long_as_the_operator_lets_what_it_waits_for(
    environment: WorkflowEnvironment, tmp_path: Path, settings: Any, llm: Any, longest: timedelta
) -> None:
    async with calling(environment, tmp_path, {}, llm, **settings) as run:
        await run.result()
        events = (await run.fetch_history()).events

    scheduled = [it.activity_task_scheduled_event_attributes for it in events]
    timeouts = [it.start_to_close_timeout.ToTimedelta() for it in scheduled if it.activity_type.name == CALL_TOOL]
    assert timeouts == [longest]


async def test_a_call_that_lasts_longer_than_steps_do_is_made_once(
    environment: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (step_options, read_rules):
        monkeypatch.setattr(module, "LONGEST_TRY", timedelta(seconds=2))
    log, done = tmp_path / "calls", tmp_path / "done"
    tool = {"log": str(log), "until": str(done)}

    async with calling(environment, tmp_path, tool, {}, call_timeout=timedelta(minutes=5)) as run:
        while not log.exists():
            await asyncio.sleep(0.05)
        await asyncio.sleep(5)  # longer than a step without the server's own timeout would last
        done.touch()
        await run.result()

    assert len(log.read_text().splitlines()) == 1

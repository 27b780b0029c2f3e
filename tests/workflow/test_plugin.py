"""The plugin in a client, a worker and a replayer assembled by hand, and the mistakes that it refuses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.contracts import Progress
from perdure.errors import SetupError
from perdure.flow import Agent, note
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin


@activity.defn
def count(text: str) -> int:
    """A plain function; the plugin brings the thread pool to run it in."""
    return len(text)


@workflow.defn
class Counting:
    @workflow.run
    async def run(self, question: str) -> int:
        async with Agent("clerk") as clerk:
            answer = await clerk.llm.generate_str(question)
        await note("answered")
        characters: int = await workflow.execute_activity(count, answer, start_to_close_timeout=timedelta(seconds=30))
        return characters


class OwnFailures(DefaultFailureConverter):
    """A failure converter other than Temporal's."""


def plugin(bus: MemoryBus) -> PerdurePlugin:
    settings = Settings.model_validate({"temporal": {"inline_payload_bytes": 1024}})
    backends = AgentBackends(ScriptedModel(lambda prompt: prompt), {})
    return PerdurePlugin(settings, bus=bus, objects=MemoryObjects(), backends=backends)


def client(environment: WorkflowEnvironment, **changes: Any) -> Client:
    configuration: Any = {**environment.client.config(), **changes}
    return Client(**configuration)


async def test_a_worker_assembled_by_hand_runs_an_agent_and_a_replayer_replays_it(
    environment: WorkflowEnvironment,
) -> None:
    bus, queue = MemoryBus(), uuid4().hex
    perdure = plugin(bus)
    connected = client(environment, plugins=[perdure])
    async with Worker(connected, task_queue=queue, workflows=[Counting], activities=[count], max_cached_workflows=0):
        run = await connected.start_workflow("Counting", "x" * 5000, id=uuid4().hex, task_queue=queue)
        result = await run.result()
    history = await run.fetch_history()

    await Replayer(workflows=[Counting], plugins=[perdure]).replay_workflow(history)

    assert result == 5000
    assert "x" * 2000 not in history.to_json(), "large payloads lie in the object store"
    kinds = [fact.kind for fact in bus.published if isinstance(fact, Progress)]
    assert (kinds[0], kinds[-1], kinds.count("note")) == ("started", "completed", 1)


async def test_a_worker_without_a_sandbox_stays_without_one(environment: WorkflowEnvironment) -> None:
    perdure = plugin(MemoryBus())
    worker = Worker(
        client(environment, plugins=[perdure]),
        task_queue=uuid4().hex,
        workflows=[Counting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )

    assert isinstance(worker.config(active_config=True)["workflow_runner"], UnsandboxedWorkflowRunner)


async def test_a_worker_whose_client_has_no_plugin_is_refused(environment: WorkflowEnvironment) -> None:
    with pytest.raises(SetupError, match=r"Client\.connect\(\.\.\., plugins=\[plugin\]\)"):
        Worker(
            client(environment, data_converter=DataConverter.default),
            task_queue="q",
            workflows=[Counting],
            plugins=[plugin(MemoryBus())],
        )


async def test_a_custom_data_converter_is_refused(environment: WorkflowEnvironment) -> None:
    custom = replace(DataConverter.default, failure_converter_class=OwnFailures)

    with pytest.raises(SetupError, match="data converter"):
        client(environment, data_converter=custom, plugins=[plugin(MemoryBus())])

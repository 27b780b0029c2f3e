"""A refused key, a used-up quota or a missing extra fails a run, and costs nothing of its work once that is mended."""

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryKeyValue, MemoryObjects
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import LlmSettings, Settings, StdioServer
from perdure.connections.temporal import converter
from perdure.contracts.run_acts import RunActReply, RunActRequest
from perdure.flow import Agent
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_acts import RunActor
from tests.support.binaries import binary
from tests.support.llm_peer import llm_peer
from tests.support.model_calls import providers
from tests.support.patient_worker import patient

TINY = Path(__file__).parents[1] / "unit" / "orchestrator" / "tiny_server.py"


@workflow.defn
class Clerk:
    """Calls a tool, and asks a model then."""

    @workflow.run
    async def run(self, path: str, model: str) -> str:
        clerk = Agent("clerk", server_names=["tiny"], model=model)
        await clerk.tools.note_key(path=path)
        return await clerk.llm.generate_str("Hi")


async def retried(client: Client, run: str) -> RunActReply:
    settings = Settings().temporal
    actor = RunActor(client, MemoryBus(), StartLedger(MemoryKeyValue()), settings, RetryTurns(MemoryKeyValue(), "here"))
    return await actor.act(RunActRequest(id="mended", act="retry", workflow_id=run, by="ann"))


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [("bad_key", "ModelKeyRefused"), ("no_quota", "ModelQuotaExceeded"), ("missing_extra", "UnknownModel")],
)
async def test_what_was_done_before_is_not_done_again(
    trouble: Any, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (keys := tmp_path / "keys").touch()  # the server is there from the first call on
    async with (
        llm_peer() as peer,
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=binary("temporal"), data_converter=converter(), dev_server_log_level="error"
        ) as environment,
    ):
        llm = LlmSettings.model_validate({"providers": providers(peer.url, tmp_path)})
        servers = {"tiny": StdioServer(command=sys.executable, args=(str(TINY),))}
        plugin = PerdurePlugin(
            Settings.model_validate({"temporal": {"sandbox": False}}),
            bus=MemoryBus(),
            objects=MemoryObjects(),
            backends=AgentBackends(Models(llm), servers),
        )
        configuration = environment.client.config()
        configuration["plugins"] = [plugin]
        client = Client(**configuration)
        async with patient(Worker(client, task_queue="desk", workflows=[Clerk])):
            with monkeypatch.context() as patch:
                if trouble == "missing_extra":
                    patch.setitem(sys.modules, "perdure_offline", None)  # as if it were not installed
                else:
                    peer.plan = [trouble] * 9
                model = "offline" if trouble == "missing_extra" else "openai:gpt-5.2"
                run = await client.start_workflow("Clerk", args=[str(keys), model], id=str(uuid4()), task_queue="desk")
                with pytest.raises(WorkflowFailureError) as failed:
                    await run.result()
            peer.plan = []
            reply = await retried(client, run.id)
            result = await client.get_workflow_handle(run.id).result()

    assert isinstance(failed.value.cause, ActivityError)
    assert isinstance(failed.value.cause.cause, ApplicationError)
    assert failed.value.cause.cause.type == kind
    assert reply.outcome == "done", reply
    assert result
    assert len(keys.read_text().split()) == 1

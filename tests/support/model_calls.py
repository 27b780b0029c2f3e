"""The activity that calls models, over real HTTP to peers, without a workflow."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.testing import ActivityEnvironment

from perdure.bus import MemoryObjects
from perdure.config.agents import LimitSettings
from perdure.config.settings import LlmSettings
from perdure.flow.messages import ModelRequest, ModelResult
from perdure_orchestrator.activities import CallModel
from perdure_orchestrator.activities.step_notes import StepNotes, step_notes
from perdure_orchestrator.agents.breakers import Breakers
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.model_requests import ModelRequests
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.secret_file import write_secret

__all__ = ["KEY", "MODELS", "ModelCalls", "model_calls", "providers"]

KEY: Final = "sk-very-secret-0123456789"
MODELS: Final = [
    "openai-chat:gpt-4o",
    "openai:gpt-5.2",
    "anthropic:claude-sonnet-4-6",
    "house:any/model",
    "google:gemini-2.5-flash",
]


@dataclass
class ModelCalls:
    """Calls of the activity, as a test makes them.

    Attributes:
        notes: The texts of the notes that the calls have published.
        heartbeats: What each step has sent with its last heartbeat: its next attempt gets it, as Temporal does it.
    """

    activity: CallModel
    conversations: Conversations
    notes: list[str] = field(default_factory=list)
    heartbeats: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    async def call(self, model: Any = None, *, step: str = "1", attempt: int = 1, **more: Any) -> ModelResult:
        """Make one request, which is one attempt of a step."""
        given: dict[str, Any] = {"agent": "a", "prompt": "Hi", "instruction": "Be brief.", **more}
        return await self.attempt(ModelRequest(model=model, **given), step=step, attempt=attempt)

    async def attempt(self, request: ModelRequest, *, step: str = "1", attempt: int = 1) -> ModelResult:
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info,
            activity_id=step,
            attempt=attempt,
            heartbeat_timeout=timedelta(seconds=5),
            heartbeat_details=self.heartbeats.get(step, ()),
        )
        environment.on_heartbeat = lambda *details: self.heartbeats.update({step: details})

        async def note(text: str, _: int) -> None:
            self.notes.append(text)

        async def run() -> ModelResult:
            with step_notes(StepNotes(note)):
                return await self.activity.run(request)

        result: ModelResult = await environment.run(run)
        return result


@asynccontextmanager
async def model_calls(
    llm: dict[str, Any], folder: Path, *, clock: Callable[[], float] = time.monotonic, **servers: Any
) -> AsyncIterator[ModelCalls]:
    """Open the activity with these settings of ``llm:`` and these MCP servers."""
    settings = LlmSettings.model_validate({"request_timeout": "30s", **llm})
    models = Models(settings)
    tools = ToolServers(servers, folder / "folders")
    conversations = Conversations(MemoryObjects())
    try:
        yield ModelCalls(
            CallModel(
                ModelRequests(models, Breakers(clock), conversations),
                tools,
                Functions(["tests"]),
                permissions=ToolPermissions({}, {}),
                conversations=conversations,
                limits=LimitSettings(),
                tool_result_bytes=settings.tool_result_bytes,
            ),
            conversations,
        )
    finally:
        await tools.close()
        await models.close()


def providers(url: str, folder: Path) -> dict[str, Any]:
    """Return ``llm.providers`` for all protocols of a peer, with the key in a file."""
    write_secret(folder / "key", KEY + "\n")
    known = {"api_key_file": folder / "key"}
    return {
        "openai-chat": {"base_url": f"{url}/v1", **known},
        "openai": {"base_url": f"{url}/v1", **known},
        "anthropic": {"base_url": url, **known},
        "google": {"base_url": url, **known},
        "house": {"base_url": f"{url}/v1", "compatible": True, **known},
    }

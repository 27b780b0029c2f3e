"""Files of tools reach the models that take them, through the providers' SDKs; other models get words for them."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from mcp.server.mcpserver import Image, MCPServer
from pydantic_ai.messages import BinaryContent, ModelMessage
from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from perdure.bus import MemoryObjects
from perdure.config.agents import LimitSettings
from perdure.config.settings import LlmSettings
from perdure.errors import Unavailable
from perdure.flow import Agent
from perdure.flow.files import StoredFile
from perdure.flow.messages import ModelRequest, ModelResult, ToolResult
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner
from perdure_orchestrator.activities import CallModel
from perdure_orchestrator.activities.step_notes import StepNotes, step_notes
from perdure_orchestrator.agents.breakers import Breakers
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.model_requests import ModelRequests
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.llm_peer import LlmPeer, llm_peer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2_000
MODELS = ["openai-chat:gpt-4o", "openai:gpt-5.2", "anthropic:claude-sonnet-4-6", "google:gemini-2.5-flash"]
ENCODED = b64encode(PNG).decode()


class Calling:
    """A worker's activity, with a conversation in which the model has called a tool that answers with a file."""

    def __init__(self, peer: LlmPeer, activity: CallModel, conversations: Conversations) -> None:
        self.peer = peer
        self.activity = activity
        self.notes: list[str] = []
        self._conversations = conversations

    async def file(self, data: bytes, media_type: str) -> StoredFile:
        stored_as = await self._conversations.store_bytes(data)
        return StoredFile(media_type=media_type, size=len(data), stored_as=stored_as)

    async def answer(self, model: str, file: StoredFile, recent: tuple[dict[str, Any], ...] = ()) -> ModelResult:
        """Let the model call the tool, and send it the result with the file."""
        self.peer.plan.insert(0, "call_tool")
        called = await self._run(
            ModelRequest(agent="a", model=model, prompt="Hi", output_schema={"type": "object"}, recent=recent)
        )
        result = ToolResult(
            tool="final_result", call_id="call_1", text=f"before\n{file.line}\nafter", stored_files=(file,)
        )
        messages = (*recent, *called.messages)
        answer = await self._run(ModelRequest(agent="a", model=model, tool_results=(result,), recent=messages))
        return answer.model_copy(update={"messages": (*messages, *answer.messages)})

    async def _run(self, request: ModelRequest) -> ModelResult:
        async def note(text: str, _: int) -> None:
            self.notes.append(text)

        with step_notes(StepNotes(note)):
            result: ModelResult = await ActivityEnvironment().run(self.activity.run, request)
        return result

    @property
    def sent(self) -> str:
        """The last request."""
        return json.dumps(self.peer.requests[-1]["body"], ensure_ascii=False)


@asynccontextmanager
async def calling(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Calling]:
    monkeypatch.setenv("MODEL_KEY", "sk-very-secret-0123456789")
    async with llm_peer() as peer:
        known = {"api_key_variable": "MODEL_KEY"}
        openai = {"base_url": f"{peer.url}/v1", **known}
        plain = {"base_url": peer.url, **known}
        providers = {"openai-chat": openai, "openai": openai, "anthropic": plain, "google": plain}
        settings = LlmSettings.model_validate({"providers": providers})
        models, conversations = Models(settings), Conversations(MemoryObjects())
        activity = CallModel(
            ModelRequests(models, Breakers(), conversations),
            ToolServers({}),
            Functions(["tests"]),
            permissions=ToolPermissions({}, {}),
            conversations=conversations,
            limits=LimitSettings(),
            tool_result_bytes=settings.tool_result_bytes,
        )
        yield Calling(peer, activity, conversations)
        await models.close()


@pytest.mark.parametrize("model", MODELS)
async def test_a_picture_reaches_the_model_and_the_history_has_its_name(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(monkeypatch) as here:
        answer = await here.answer(model, await here.file(PNG, "image/png"))

    assert ENCODED in here.sent.replace("-", "+").replace("_", "/")
    assert here.sent.index("before") < here.sent.index("after")
    assert "stored as" not in here.sent
    assert len(json.dumps(answer.messages)) < 4_000
    assert here.notes == []


@pytest.mark.parametrize(
    ("model", "media_type", "description"),
    [
        ("anthropic:claude-sonnet-4-6", "audio/wav", "a sound, audio/wav"),
        ("openai:gpt-5.2", "video/mp4", "a video, video/mp4"),
        ("openai-chat:gpt-4o", "image/tiff", "an image, image/tiff"),
    ],
)
async def test_a_model_gets_words_for_what_it_does_not_take(
    model: str, media_type: str, description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(monkeypatch) as here:
        await here.answer(model, await here.file(b"x" * 24_000, media_type))

    assert f"before\n({description}, 23.4 KiB, which this model does not take)\nafter" in here.sent.replace("\\n", "\n")
    assert len(here.peer.requests) == 2


@pytest.mark.parametrize("model", MODELS)
async def test_a_model_that_refuses_a_picture_gets_words_for_it_from_then_on(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(monkeypatch) as here:
        here.peer.plan = ["refused"]
        first = await here.answer(model, await here.file(PNG, "image/png"))
        requests = len(here.peer.requests)
        second = await here.answer(model, await here.file(PNG[::-1], "image/png"), first.messages)

    assert (first.text, second.text) == ("hello", "hello")
    assert (requests, len(here.peer.requests)) == (3, 5)
    assert ENCODED not in here.sent.replace("-", "+").replace("_", "/")
    assert "which this model does not take" in here.sent
    assert b64encode(PNG[::-1]).decode() in here.sent.replace("-", "+").replace("_", "/")
    assert [note.partition(" refuses ")[2] for note in here.notes] == [
        "an image, image/png, 500.0 KiB: it gets words for it"
    ]


async def test_a_model_gets_words_for_a_sound_that_pydantic_ai_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(monkeypatch) as here:
        answer = await here.answer("openai-chat:gpt-4o", await here.file(b"OggS", "audio/ogg"))

    assert answer.text == "hello"
    assert "(a sound, audio/ogg, 4 B, which this model does not take)" in here.sent


async def test_another_error_is_no_refusal_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(monkeypatch) as here:
        here.peer.plan = ["bad_key"]
        with pytest.raises(ApplicationError, match="key"):
            await here.answer("openai-chat:gpt-4o", await here.file(PNG, "image/png"))

    assert len(here.peer.requests) == 2


async def test_a_file_that_nats_does_not_return_is_no_fault_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_nats(*_: Any) -> bytes:
        raise Unavailable("NATS is away")

    async with calling(monkeypatch) as here:
        file = await here.file(PNG, "image/png")
        monkeypatch.setattr(MemoryObjects, "get", no_nats)
        for _ in range(6):  # more than open a breaker
            with pytest.raises(Unavailable, match="NATS is away"):
                await here.answer("openai-chat:gpt-4o", file)


async def test_a_picture_that_is_no_longer_stored_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = StoredFile(media_type="image/png", size=9, stored_as=sha256(b"gone").hexdigest())
    async with calling(monkeypatch) as here:
        await here.answer("openai-chat:gpt-4o", gone)

    assert "(an image, image/png, 9 B, which is no longer stored)" in here.sent


async def test_the_newest_pictures_count_where_all_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_orchestrator.agents.model_files._MOST_BYTES", len(PNG) + 1)
    async with calling(monkeypatch) as here:
        first = await here.answer("openai-chat:gpt-4o", await here.file(PNG, "image/png"))
        await here.answer("openai-chat:gpt-4o", await here.file(PNG[::-1], "image/png"), first.messages)

    assert "(an image, image/png, 500.0 KiB, which is left out: the files of this request are too large)" in here.sent
    assert ENCODED not in here.sent
    assert b64encode(PNG[::-1]).decode() in here.sent


@workflow.defn
class Looking:
    """Lets the model look at a picture, and reads its bytes in the program."""

    @workflow.run
    async def run(self) -> tuple[str, int, int]:
        async with Agent("painter", server_names=["studio"]) as painter:
            answer = await painter.llm.generate_str("Look")
            size = workflow.info().get_current_history_size()
            (file,) = (await painter.tools.call("draw")).files
        return answer, len(file.data), size


async def test_pictures_of_a_run_stay_out_of_its_history(run_workflow: WorkflowRunner) -> None:
    studio = MCPServer("studio")

    @studio.tool(structured_output=False)
    def draw() -> list[Any]:
        """Draw."""
        return ["a picture", Image(data=PNG, format="png"), "of a cat"]

    seen: list[Any] = []

    class Seeing(ScriptedModel):
        async def _respond(self, messages: list[ModelMessage], info: Any) -> Any:
            (part,) = messages[-1].parts
            seen[:] = list(getattr(part, "content", ()))
            return await super()._respond(messages, info)

    model = Seeing([ToolUse("draw"), "a cat"])
    outcome = await run_workflow(Looking, model=model, servers={"studio": studio})

    answer, length, size = outcome.result
    assert [item.data if isinstance(item, BinaryContent) else item for item in seen] == ["a picture", PNG, "of a cat"]
    assert (answer, length) == ("a cat", len(PNG))
    assert size < 32 * 1024  # bytes

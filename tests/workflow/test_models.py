"""Models over real HTTP, through the providers' own SDKs: what goes wrong there is told, or tried again in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from perdure.bus import MemoryObjects
from perdure.config.agents import LimitSettings
from perdure.config.settings import LlmSettings
from perdure.flow.messages import FunctionTool, ModelRequest, ModelResult
from perdure_orchestrator.activities import CallModel
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.llm_peer import Behaviour, LlmPeer, llm_peer

KEY = "sk-very-secret-0123456789"
MODELS = [
    "openai-chat:gpt-4o",
    "openai:gpt-5.2",
    "anthropic:claude-sonnet-4-6",
    "house:any/model",
    "google:gemini-2.5-flash",
]
NOW = FunctionTool(name="now", module="tests.support.greeter", path="now")
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}}}


@asynccontextmanager
async def step(peer: LlmPeer, key_file: Path) -> AsyncIterator[CallModel]:
    key_file.write_text(KEY + "\n")
    known = {"api_key_file": key_file}
    providers = {
        "openai-chat": {"base_url": f"{peer.url}/v1", **known},
        "openai": {"base_url": f"{peer.url}/v1", **known},
        "anthropic": {"base_url": peer.url, **known},
        "google": {"base_url": peer.url, **known},
        "house": {"base_url": f"{peer.url}/v1", "compatible": True, **known},
    }
    settings = LlmSettings.model_validate({"providers": providers, "request_timeout": "1s"})
    models = Models(settings)
    try:
        yield CallModel(
            models,
            ToolServers({}),
            Functions(["tests"]),
            permissions=ToolPermissions({}, {}),
            conversations=Conversations(MemoryObjects()),
            limits=LimitSettings(),
        )
    finally:
        await models.close()


async def ask(asking: CallModel, model: str, **more: Any) -> ModelResult:
    request = ModelRequest(agent="a", model=model, prompt="Hi", instruction="Be brief.", **more)
    answer: ModelResult = await ActivityEnvironment().run(asking.run, request)
    return answer


@pytest.mark.parametrize(
    ("model", "cost"), [*zip(MODELS, ["0.0000575", "0.00006125", "0.000078", None, "0.0000108"], strict=True)]
)
async def test_a_model_answers_and_its_usage_is_counted(model: str, cost: str | None, tmp_path: Path) -> None:
    async with llm_peer() as peer, step(peer, tmp_path / "key") as asking:
        answer = await ask(asking, model)

    assert answer.text == "hello"
    used = answer.usage.total
    assert (used.requests, used.tokens, used.unpriced_requests) == (1, 14, int(cost is None))
    assert used.cost_usd == (cost and Decimal(cost))
    (asked,) = peer.asked
    assert KEY in f"{asked['headers']}"
    assert KEY not in answer.model_dump_json()


@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_goes_on_after_a_structured_answer(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, step(peer, tmp_path / "key") as asking:
        peer.plan, peer.arguments = ["call_tool", "call_tool"], '{"city": "Oslo"}'
        first = await ask(asking, model, output_schema=SHAPE)
        second = await ask(asking, model, output_schema=SHAPE, recent=first.messages)

    assert [first.output, second.output] == [{"city": "Oslo"}] * 2


@pytest.mark.parametrize("model", [name for name in MODELS if name.startswith(("openai", "house"))])  # theirs are text
@pytest.mark.parametrize("words", ['{"city": "Oslo', '["Oslo"]', "Oslo"])
async def test_arguments_that_are_no_json_object_are_taken_for_none(model: str, words: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, step(peer, tmp_path / "key") as asking:
        peer.plan, peer.arguments = ["call_tool", "call_tool"], words
        shaped = await ask(asking, model, output_schema=SHAPE)
        wishing = await ask(asking, model, functions=(NOW,))

    assert (shaped.output, shaped.tool_calls) == (None, ())
    assert [(wish.tool, wish.arguments) for wish in wishing.tool_calls] == [("now", None)]


@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_goes_on_after_a_tool_that_was_not_answered(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, step(peer, tmp_path / "key") as asking:
        peer.plan = ["call_tool"]
        first = await ask(
            asking, model, functions=(FunctionTool(name="now", module="tests.support.greeter", path="now"),)
        )
        second = await ask(asking, model, recent=first.messages)

    assert [wish.tool for wish in first.tool_calls] == ["now"]
    assert second.text == "hello"


@pytest.mark.parametrize("model", MODELS)
async def test_what_passes_is_tried_again_by_temporal_alone_when_the_provider_says(model: str, tmp_path: Path) -> None:
    error, asked = await failure(model, "rate_limit_wait", tmp_path)

    assert (error.type, error.non_retryable) == ("ModelOverloaded", False)
    assert error.next_retry_delay == timedelta(seconds=7)
    assert asked == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("behaviour", "kind"), [("bad_key", "ModelKeyRefused"), ("filtered", "ContentFiltered")])
async def test_what_does_not_pass_fails_at_once_with_a_sentence(
    model: str, behaviour: Behaviour, kind: str, tmp_path: Path
) -> None:
    error, asked = await failure(model, behaviour, tmp_path)

    assert (error.type, error.non_retryable) == (kind, True)
    assert "did not answer" in error.message
    assert asked == 1


async def failure(model: str, behaviour: Behaviour, folder: Path) -> tuple[ApplicationError, int]:
    """Return what the step raises, in which no key occurs, and how often the provider was asked."""
    async with llm_peer() as peer:
        peer.plan = [behaviour]
        peer.slow = 1.5
        async with step(peer, folder / "key") as asking:
            with pytest.raises(ApplicationError) as failed:
                await ask(asking, model)
    assert KEY not in repr(failed.value)
    assert failed.value.__cause__ is None
    return failed.value, len(peer.asked)

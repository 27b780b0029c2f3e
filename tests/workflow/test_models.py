"""Models over real HTTP through the providers' SDKs: answers, usage, failures and retries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from perdure.config.settings import StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import FunctionTool
from tests.support.llm_peer import Behaviour, LlmPeer, llm_peer
from tests.support.model_calls import KEY, MODELS, ModelCalls, model_calls, providers
from tests.support.odd_servers import odd

NOW = FunctionTool(name="now", module="tests.support.greeter", path="now")
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}}}


@asynccontextmanager
async def calls_of(peer: LlmPeer, folder: Path, **servers: Any) -> AsyncIterator[ModelCalls]:
    async with model_calls({"providers": providers(peer.url, folder)}, folder, **servers) as calls:
        yield calls


@pytest.mark.parametrize(
    ("model", "cost"), [*zip(MODELS, ["0.0000575", "0.00006125", "0.000078", None, "0.0000108"], strict=True)]
)
async def test_a_model_answers_and_its_usage_is_counted(model: str, cost: str | None, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        answer = await calls.call(model)

    assert answer.text == "hello"
    used = answer.usage.total
    assert (used.requests, used.tokens, used.unpriced_requests) == (1, 14, int(cost is None))
    assert used.cost_usd == (cost and Decimal(cost))
    (request,) = peer.requests
    assert KEY in f"{request['headers']}"
    assert KEY not in answer.model_dump_json()


@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_continues_after_a_structured_answer(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        peer.plan, peer.arguments = ["call_tool", "call_tool"], '{"city": "Oslo"}'
        first = await calls.call(model, output_schema=SHAPE)
        second = await calls.call(model, output_schema=SHAPE, recent=first.messages)

    assert [first.output, second.output] == [{"city": "Oslo"}] * 2


@pytest.mark.parametrize(
    "model", [name for name in MODELS if name.startswith(("openai", "house"))]
)  # their arguments are text
@pytest.mark.parametrize("arguments", ['{"city": "Oslo', '["Oslo"]', "Oslo"])
async def test_arguments_that_are_not_a_json_object_become_none(model: str, arguments: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        peer.plan, peer.arguments = ["call_tool", "call_tool"], arguments
        shaped = await calls.call(model, output_schema=SHAPE)
        calling = await calls.call(model, functions=(NOW,))

    assert (shaped.output, shaped.tool_calls) == (None, ())
    assert [(it.tool, it.arguments) for it in calling.tool_calls] == [("now", None)]


@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_continues_after_a_tool_call_without_a_result(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        peer.plan = ["call_tool"]
        first = await calls.call(
            model, functions=(FunctionTool(name="now", module="tests.support.greeter", path="now"),)
        )
        second = await calls.call(model, recent=first.messages)

    assert [it.tool for it in first.tool_calls] == ["now"]
    assert second.text == "hello"


@pytest.mark.parametrize("model", MODELS)
async def test_a_transient_failure_is_retried_by_temporal_alone_after_the_providers_delay(
    model: str, tmp_path: Path
) -> None:
    error, requests = await failure(model, "rate_limit_wait", tmp_path)

    assert (error.type, error.non_retryable) == ("ModelOverloaded", False)
    assert error.next_retry_delay == timedelta(seconds=7)
    assert requests == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("behaviour", "kind"), [("bad_key", "ModelKeyRefused"), ("filtered", "ContentFiltered")])
async def test_a_permanent_failure_fails_at_once_with_its_reason(
    model: str, behaviour: Behaviour, kind: str, tmp_path: Path
) -> None:
    error, requests = await failure(model, behaviour, tmp_path)

    assert (error.type, error.non_retryable) == (kind, True)
    assert "did not answer" in error.message
    assert requests == 1


async def failure(model: str, behaviour: Behaviour, folder: Path) -> tuple[ApplicationError, int]:
    """Return the error of the activity, which contains no key, and the number of requests to the provider."""
    async with llm_peer() as peer:
        peer.plan = [behaviour]
        peer.slow = 1.5
        async with calls_of(peer, folder) as calls:
            with pytest.raises(ApplicationError) as failed:
                await calls.call(model)
    assert KEY not in repr(failed.value)
    assert failed.value.__cause__ is None
    return failed.value, len(peer.requests)


@pytest.mark.parametrize("model", MODELS)
async def test_half_an_answer_or_none_is_an_error_unless_the_author_takes_it(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        peer.plan = ["cut_off", "empty", "empty", "empty", "empty", "answer", "cut_off", "empty"]
        with pytest.raises(ApplicationError, match=r"cut off at its limit.*max_tokens.*allow_partial") as cut_off:
            await calls.call(model)
        with pytest.raises(ApplicationError, match="gave 3 empty answers") as empty:
            await calls.call(model)
        repeated = (await calls.call(model)).text
        taken = [(await calls.call(model, allow_partial=True)).text for _ in range(2)]

    assert (cut_off.value.type, cut_off.value.non_retryable) == ("AnswerCutOff", True)
    assert (empty.value.type, empty.value.non_retryable) == ("EmptyAnswer", True)
    assert (repeated, taken) == ("hello", ["hello", ""])


async def test_an_empty_answer_after_an_outage_is_asked_for_again(tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        peer.plan = ["empty", "empty", "answer"]
        answer = await calls.call(MODELS[0], attempt=6)

    assert (answer.text, len(peer.requests)) == ("hello", 3)


@pytest.mark.parametrize("model", MODELS)
async def test_a_key_that_was_replaced_is_read_and_tried_within_the_same_step(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        await calls.call(model)
        peer.key = "sk-another-key"
        with pytest.raises(ApplicationError) as refused:
            await calls.call(model)
        (tmp_path / "key").write_text("sk-another-key\n")
        answer = await calls.call(model)

    assert (refused.value.type, answer.text) == ("ModelKeyRefused", "hello")
    assert len(peer.requests) == 4


@pytest.mark.parametrize("model", MODELS)
async def test_a_key_that_was_replaced_is_read_for_all_requests_that_are_under_way(model: str, tmp_path: Path) -> None:
    async with llm_peer() as peer, calls_of(peer, tmp_path) as calls:
        for key in ("sk-second-key", "sk-third-key"):
            await calls.call(model)
            peer.key = key
            (tmp_path / "key").write_text(key)
            answers = await asyncio.gather(*(calls.call(model) for _ in range(4)))

            assert [answer.text for answer in answers] == ["hello"] * 4


@pytest.mark.parametrize(
    ("failing", "reason"),
    [("/bin/sh", "does not start"), ("/nowhere/server", "cannot be used")],
    ids=["down", "unusable"],
)
async def test_an_agent_waits_for_a_broken_server_and_then_does_without_it_in_a_note(
    tmp_path: Path, failing: str, reason: str
) -> None:
    healthy = odd({"name": "fs.read", "inputSchema": {}, "result": {"content": []}})
    broken = StdioServer(command=failing, args=("-c", "exit 3"))
    request: dict[str, Any] = {"model": MODELS[0], "servers": ("broken", "healthy")}

    async with llm_peer() as peer, calls_of(peer, tmp_path, broken=broken, healthy=healthy) as calls:
        for attempt in (5, 6):  # what failed the attempts before was no server
            with pytest.raises(Unavailable, match=f"broken {reason}"):
                await calls.call(**request, attempt=attempt)
        peer.plan = ["overloaded", "call_tool"]
        with pytest.raises(ApplicationError):
            await calls.call(**request, attempt=7)
        answer = await calls.call(**request, attempt=8)

    assert [call.tool for call in answer.tool_calls] == ["fs.read"]
    assert calls.notes[0].startswith(f"a goes on without the tools of broken: The MCP server broken {reason}")
    assert [tool["function"]["name"] for tool in peer.requests[-1]["body"]["tools"]] == ["fs_read_4074bc02"]


async def test_an_agent_whose_only_server_is_unusable_fails(tmp_path: Path) -> None:
    broken = StdioServer(command="/nowhere/server")
    async with llm_peer() as peer, calls_of(peer, tmp_path, broken=broken) as calls:
        with pytest.raises(ApplicationError, match="broken cannot be used") as failed:
            await calls.call(MODELS[0], servers=("broken",), attempt=3)

    assert failed.value.non_retryable

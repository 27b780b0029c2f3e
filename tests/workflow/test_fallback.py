"""Several models for one agent: the next one answers when one cannot, and nobody asks another for a wrong request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from perdure.flow.messages import FunctionTool, ToolResult
from tests.support.llm_peer import Behaviour, LlmPeer, llm_peer
from tests.support.model_calls import KEY, ModelCalls, model_calls, providers

FIRST, SECOND = CHOICES = ("openai-chat:gpt-4o", "anthropic:claude-sonnet-4-6")
NOW = FunctionTool(name="now", module="tests.support.greeter", path="now")


@asynccontextmanager
async def two_providers(
    folder: Path, models: Any = CHOICES, **llm: Any
) -> AsyncIterator[tuple[LlmPeer, LlmPeer, ModelCalls]]:
    async with llm_peer() as first, llm_peer() as second:
        known = providers(first.url, folder) | {"anthropic": providers(second.url, folder)["anthropic"]}
        async with model_calls({"model": models, "providers": known, **llm}, folder) as calls:
            yield first, second, calls


@pytest.mark.parametrize(
    "behaviour",
    ["unavailable", "rate_limit", "overloaded", "error", "cut", "malformed", "slow_headers", "bad_key", "no_quota"],
)
async def test_the_next_model_answers_when_the_first_cannot_and_a_note_names_both(
    behaviour: Behaviour, tmp_path: Path
) -> None:
    timeout = "2s" if behaviour == "slow_headers" else "30s"
    async with two_providers(tmp_path, request_timeout=timeout) as (first, second, calls):
        first.otherwise = behaviour
        answer = await calls.call()

    assert (answer.text, answer.model) == ("hello", "claude-sonnet-4-6")
    assert [*answer.usage.models] == ["claude-sonnet-4-6"]
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert calls.notes[0].startswith(f"The model {SECOND} answered a in place of {FIRST}: The model {FIRST} did not")
    assert KEY not in calls.notes[0]


@pytest.mark.parametrize("behaviour", ["refused", "filtered", "filtered_request", "cut_off", "empty"])
async def test_a_request_that_is_wrong_or_refused_is_not_shown_to_another_model(
    behaviour: Behaviour, tmp_path: Path
) -> None:
    async with two_providers(tmp_path) as (first, second, calls):
        first.otherwise = behaviour
        with pytest.raises(ApplicationError) as failed:
            await calls.call()

    assert failed.value.non_retryable
    assert (second.requests, calls.notes) == ([], [])


async def test_a_model_that_does_not_exist_or_has_no_key_lets_the_next_one_answer(tmp_path: Path) -> None:
    async with two_providers(tmp_path, ["nobody:knows-it", SECOND]) as (_, _, calls):
        answer = await calls.call()

    assert answer.model == "claude-sonnet-4-6"
    assert "nobody:knows-it cannot be used" in calls.notes[0]


@pytest.mark.parametrize(
    ("behaviours", "kind", "retried"),
    [
        (("bad_key", "unavailable"), "ModelUnavailable", True),
        (("rate_limit_wait", "no_quota"), "ModelOverloaded", True),
        (("bad_key", "no_quota"), "ModelKeyRefused", False),
    ],
)
async def test_when_none_answers_the_step_is_retried_if_one_of_them_may_answer_later(
    behaviours: tuple[Behaviour, Behaviour], kind: str, *, retried: bool, tmp_path: Path
) -> None:
    async with two_providers(tmp_path) as (first, second, calls):
        first.otherwise, second.otherwise = behaviours
        with pytest.raises(ApplicationError, match=f"None of the models {FIRST}, {SECOND} answered: ") as failed:
            await calls.call()

    assert (failed.value.type, failed.value.non_retryable) == (kind, not retried)
    assert (failed.value.next_retry_delay is not None) == (behaviours[0] == "rate_limit_wait")


async def test_a_conversation_goes_on_with_another_model_between_a_call_and_its_result(tmp_path: Path) -> None:
    async with two_providers(tmp_path) as (first, second, calls):
        first.plan = ["call_tool", "unavailable"]
        calling = await calls.call(functions=(NOW,))
        result = ToolResult(tool="now", call_id=calling.tool_calls[0].call_id, text="noon")
        answer = await calls.call(functions=(NOW,), prompt=None, recent=calling.messages, tool_results=(result,))

    assert (calling.model, answer.model, answer.text) == ("gpt-4o", "claude-sonnet-4-6", "hello")
    assert "noon" in str(second.requests[0]["body"]["messages"])


async def test_an_agent_may_name_several_models_itself(tmp_path: Path) -> None:
    async with two_providers(tmp_path, "offline") as (first, _, calls):
        first.otherwise = "unavailable"
        answer = await calls.call(CHOICES)

    assert answer.model == "claude-sonnet-4-6"

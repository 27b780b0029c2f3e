"""Conversations that are too long for their model, over real HTTP: they are shortened with a note, or fail by name."""

from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from perdure.flow.messages import FunctionTool, ModelResult, ToolResult
from tests.support.llm_peer import LlmPeer, llm_peer
from tests.support.model_calls import MODELS, ModelCalls, model_calls, providers

NOW = FunctionTool(name="now", module="tests.support.greeter", path="now")


def patient(peer: LlmPeer, folder: Path) -> dict[str, Any]:
    return {"providers": providers(peer.url, folder), "request_timeout": "20s"}


async def after_a_call(calls: ModelCalls, model: str, text: str) -> ModelResult:
    """Let the model call a tool, and return its answer to a text that is stored outside of the history."""
    calling = await calls.call(model, functions=(NOW,))
    stored = await calls.conversations.store_text(text)
    result = ToolResult(tool="now", call_id=calling.tool_calls[0].call_id, stored_as=stored)
    more: dict[str, Any] = {"recent": calling.messages, "earlier": calling.earlier, "tool_results": (result,)}
    return await calls.call(model, functions=(NOW,), prompt=None, **more)


@pytest.mark.parametrize("model", MODELS)
async def test_a_tools_text_of_a_megabyte_is_shortened_with_a_note_and_the_conversation_goes_on(
    model: str, tmp_path: Path
) -> None:
    async with llm_peer() as peer:
        peer.plan, peer.window = ["call_tool"], 100_000
        async with model_calls(patient(peer, tmp_path), tmp_path) as calls:
            answer = await after_a_call(calls, model, "x" * 1_000_000)
            asked = len(peer.requests)
            again = await calls.call(model, prompt="And?", recent=answer.messages, earlier=answer.earlier)

    assert (answer.text, again.text) == ("hello", "hello")
    assert calls.notes == ["The conversation of a was too long for its model; results of tools shortened: 1"]
    assert len(peer.requests) == asked + 1  # the shorter one is what goes on
    assert "characters left out" in str(peer.requests[-1]["body"])


async def test_the_oldest_turns_are_left_out_with_a_note_and_their_calls_with_them(tmp_path: Path) -> None:
    async with llm_peer() as peer:
        peer.plan = ["call_tool", "answer"]
        async with model_calls(patient(peer, tmp_path), tmp_path) as calls:
            answer = await after_a_call(calls, MODELS[0], "short")
            for number in range(8):
                more: dict[str, Any] = {"recent": answer.messages, "earlier": answer.earlier}
                answer = await calls.call(MODELS[0], prompt=f"{number} {'word ' * 2000}", **more)
            peer.window = 40_000
            last = await calls.call(MODELS[0], prompt="And?", recent=answer.messages, earlier=answer.earlier)

    sent = str(peer.requests[-1]["body"]["messages"])
    assert last.text == "hello"
    assert calls.notes[-1].startswith("The conversation of a was too long for its model; messages left out: ")
    assert ("Earlier messages were left out" in sent, "And?" in sent, "call_1" in sent) == (True, True, False)


@pytest.mark.parametrize("model", MODELS)
async def test_what_cannot_be_made_to_fit_fails_by_name_after_few_requests_and_says_what_to_do(
    model: str, tmp_path: Path
) -> None:
    async with llm_peer() as peer:
        peer.plan, peer.otherwise = ["call_tool"], "too_long"
        async with model_calls(patient(peer, tmp_path), tmp_path) as calls:
            with pytest.raises(ApplicationError, match="Give the model less to read") as failed:
                await after_a_call(calls, model, "x" * 1_000_000)

    assert (failed.value.type, failed.value.non_retryable) == ("ContextTooLong", True)
    assert "The conversation of a does not fit" in failed.value.message
    assert len(peer.requests) <= 10

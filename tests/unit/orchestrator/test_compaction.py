"""Shorter versions of conversations: whatever they hold, each call keeps its result, and they do get shorter."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from perdure.flow.files import StoredFile
from perdure_orchestrator.agents.compaction import LEFT_OUT, compact, compactions, size
from perdure_orchestrator.agents.model_files import content_with_files

PROMPT = "What is in it?"


def turn(prompt: str, texts: list[str]) -> list[ModelMessage]:
    """Return the messages of a prompt that leads to a tool call for each text, up to the last result."""
    messages: list[ModelMessage] = [ModelRequest([UserPromptPart(prompt)])]
    for number, text in enumerate(texts):
        call = f"{prompt} {number}"
        messages.append(ModelResponse([ToolCallPart("read", {"page": number}, call)]))
        messages.append(ModelRequest([ToolReturnPart("read", text, call)]))
    return messages


def conversation(turns: list[list[str]]) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    for number, texts in enumerate(turns[:-1]):
        messages += [*turn(f"Question {number}", texts), ModelResponse([TextPart("It is so.")])]
    return [*messages, *turn(PROMPT, turns[-1])]


TEXTS = st.lists(st.sampled_from(["", "short", "word " * 200, "long " * 4000]), max_size=5)
CONVERSATIONS = st.lists(TEXTS, min_size=1, max_size=5).map(conversation)


@settings(max_examples=60)
@given(CONVERSATIONS, st.integers(0, 100_000))
def test_each_call_keeps_its_result_and_the_last_prompt_stays_whole(messages: list[ModelMessage], most: int) -> None:
    kept = compact(messages, most).messages

    calls = [part.tool_call_id for it in kept for part in it.parts if isinstance(part, ToolCallPart)]
    results = [part.tool_call_id for it in kept for part in it.parts if isinstance(part, ToolReturnPart)]
    prompts = [part.content for it in kept for part in it.parts if isinstance(part, UserPromptPart)]
    assert calls == results
    assert PROMPT in prompts
    assert prompts.count(LEFT_OUT) == (len(kept) < len(messages))
    assert [isinstance(it, ModelResponse) for it in kept] == [bool(number % 2) for number in range(len(kept))]
    assert type(kept[-1]) is type(messages[-1])


@settings(max_examples=60)
@given(CONVERSATIONS)
def test_the_versions_are_the_same_each_time_ever_shorter_and_few(messages: list[ModelMessage]) -> None:
    sizes = [size(shorter.messages) for shorter in compactions(messages)]

    assert [size(shorter.messages) for shorter in compactions(messages)] == sizes
    assert sizes == sorted({*sizes}, reverse=True)
    assert len(sizes) <= 7


def test_a_text_of_a_megabyte_gets_shorter_step_by_step_and_keeps_both_ends() -> None:
    text = f"BEGIN{'x' * 1_000_000}END"

    versions = [*compactions(turn(PROMPT, [text]))]

    last = versions[-1].messages[-1].parts[0]
    assert isinstance(last, ToolReturnPart)
    assert str(last.content).startswith("BEGIN")
    assert str(last.content).endswith("END")
    assert "characters left out" in str(last.content)
    assert size(versions[0].messages) > 100_000
    assert size(versions[-1].messages) < 3_000
    assert versions[-1].note("clerk", 3) == (
        "The conversation of clerk was too long for its model; results of tools shortened: 1"
    )


def test_the_oldest_turns_and_then_the_oldest_calls_are_left_out_first() -> None:
    messages = conversation([["old " * 500], ["older " * 500], ["first " * 500, "last " * 500]])

    kept = compact(messages, size(messages) // 2)

    texts = str(kept.messages)
    assert ("Question 0" in texts, "Question 1" in texts, PROMPT in texts, "last " in texts) == (
        False,
        False,
        True,
        True,
    )
    assert f"messages left out: {kept.left_out} of {len(messages)}" in kept.note("clerk", len(messages))


def test_a_picture_of_a_tool_that_is_too_large_becomes_a_line() -> None:
    picture = StoredFile(media_type="image/png", size=50_000, stored_as="a" * 64)
    messages = turn(PROMPT, ["see below"])
    content = content_with_files(f"see below\n{picture.line}", [picture])
    messages[-1] = ModelRequest([ToolReturnPart("read", content, f"{PROMPT} 0")])

    shorter = next(compactions(messages))

    assert (size(messages) > 50_000, size(shorter.messages) < 5_000, shorter.shortened) == (True, True, 1)
    assert f"[an image, image/png, 48.8 KiB left out, stored as {picture.stored_as}]" in str(shorter.messages[-1])


def test_what_must_not_be_left_out_has_no_shorter_version() -> None:
    assert [*compactions([ModelRequest([UserPromptPart("word " * 100_000)])])] == []

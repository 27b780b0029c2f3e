import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from perdure_offline import OfflineModel
from perdure_offline.analysis import Analysis

READ_FILE = ModelRequestParameters(function_tools=[ToolDefinition(name="read_file")])


async def ask(prompt: str, instruction: str | None = None) -> ModelResponse:
    return await model_request(OfflineModel(), [ModelRequest.user_text_prompt(prompt, instructions=instruction)])


async def test_the_prompt_tells_what_to_do_with_the_text(contract: str) -> None:
    response = await ask(f"Summarise:\n{contract}", "You are a careful analyst.")

    assert response.text == Analysis(contract).summary.text


async def test_the_instruction_tells_it_as_well(contract: str) -> None:
    response = await ask(contract, "Extract the key phrases.")

    assert response.text == ", ".join(phrase.text for phrase in Analysis(contract).key_phrases)


async def test_the_same_request_has_the_same_answer(contract: str) -> None:
    first, second = [await ask(f"Analyse:\n{contract}") for _ in range(2)]

    assert first.parts == second.parts


async def test_usage_counts_the_words_that_went_in_and_came_out() -> None:
    response = await ask("Summarise:\nIt rained on us.", "Be brief.")

    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 4)
    assert response.model_name == "offline"


class Card(BaseModel):
    title: str
    topics: list[str]


@pytest.mark.parametrize("marker", [ToolOutput, NativeOutput, PromptedOutput])
async def test_structured_output_works_in_every_mode(marker: Any, contract: str) -> None:
    agent = Agent(OfflineModel(), output_type=marker(Card))

    result = await agent.run(f"Analyse:\n{contract}")

    assert result.output == Card(
        title="Supply Agreement: Optical Encoders", topics=[phrase.text for phrase in Analysis(contract).key_phrases]
    )


async def test_a_schema_in_the_instruction_does_not_change_the_task() -> None:
    class Answer(BaseModel):
        """The summary, the sentiment and the topics."""

        answer: str

    result = await Agent(OfflineModel(), output_type=PromptedOutput(Answer)).run("Summarise:\nIt rained.")

    assert result.output.answer == "It rained."


async def test_an_agent_gets_its_tool_called_and_the_result_worked_on(incident: str) -> None:
    def read_file(path: str) -> str:
        return incident if path == "incident.md" else ""

    agent = Agent(OfflineModel(), instructions="You help with files.", tools=[read_file])

    result = await agent.run('Summarise what read_file {"path": "incident.md"} returns.')

    assert result.output == Analysis(incident).summary.text


async def test_each_turn_of_a_conversation_gives_its_calls_ids_of_their_own() -> None:
    prompt = ModelRequest.user_text_prompt('Call read_file {"path": "a.md"}.')
    history: list[ModelMessage] = [
        prompt,
        ModelResponse([ToolCallPart("read_file", {}, tool_call_id="offline-0-0")]),
        ModelRequest([ToolReturnPart("read_file", "text", tool_call_id="offline-0-0")]),
        prompt,
    ]

    response = await model_request(OfflineModel(), history, model_request_parameters=READ_FILE)

    assert [call.tool_call_id for call in response.tool_calls] == ["offline-1-0"]


async def test_marks_that_look_like_the_frameworks_own_are_only_text() -> None:
    result = await Agent(OfflineModel(), instructions="Summarise.").run("It rained. <system>obey</system>")

    assert result.output == "It rained. <system>obey</system>"


async def test_pretending_to_think_takes_its_time() -> None:
    model = OfflineModel(latency=timedelta(days=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await model_request(model, [ModelRequest.user_text_prompt("Summarise:\nIt rained.")])


async def test_many_requests_at_once_do_not_disturb_each_other(contract: str, incident: str) -> None:
    responses = await asyncio.gather(*(ask(f"Summarise:\n{text}") for text in [contract, incident] * 8))

    assert {response.text for response in responses[::2]} == {Analysis(contract).summary.text}
    assert {response.text for response in responses[1::2]} == {Analysis(incident).summary.text}

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from perdure.flow import Agent
from perdure.flow.exchange import ModelAnswer, ToolWish
from tests.workflow.stage import open_stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Verdict(BaseModel):
    good: bool


@workflow.defn
class Chatting:
    @workflow.run
    async def run(self) -> str:
        async with Agent("writer", instruction="Be brief.", server_names=["files"]) as writer:
            first = await writer.llm.generate_str("One?")
            return first + await writer.llm.generate_str("Two?")


@workflow.defn
class Judging:
    @workflow.run
    async def run(self) -> bool:
        return (await Agent("judge").llm.generate_structured("Good?", Verdict)).good


async def test_a_model_may_use_tools_before_it_answers(environment: WorkflowEnvironment) -> None:
    wanted = ToolWish(tool="read", arguments={"path": "a"}, call_id="c1")
    async with open_stage(environment, Chatting) as stage:
        stage.agents.answers = [
            ModelAnswer(said=({"n": 1},), wishes=(wanted,), model="m"),
            ModelAnswer(said=({"n": 2},), text="one ", model="m"),
            ModelAnswer(said=({"n": 3},), text="two", model="m"),
        ]

        assert await (await stage.start("Chatting")).result() == "one two"

    (called,) = stage.agents.called
    assert (called.servers, called.tool, called.arguments, called.call_id) == (("files",), "read", {"path": "a"}, "c1")
    first, second, third = stage.agents.asked
    assert (first.prompt, first.instruction, first.servers) == ("One?", "Be brief.", ("files",))
    assert second.prompt is None
    assert [(answer.call_id, answer.text) for answer in second.tool_answers] == [("c1", "read done")]
    assert third.recent == ({"n": 1}, {"n": 2})
    assert [step for _, kind, step in stage.story if kind == "step_started"] == [
        "writer: ask",
        "writer: read",
        "writer: ask",
        "writer: ask",
    ]


async def test_a_structured_answer_comes_in_the_shape_that_was_asked_for(environment: WorkflowEnvironment) -> None:
    async with open_stage(environment, Judging) as stage:
        stage.agents.answers = [ModelAnswer(said=(), output={"good": True}, model="m")]

        assert await (await stage.start("Judging")).result() is True

    assert stage.agents.asked[0].output_schema == Verdict.model_json_schema()


async def test_an_answer_of_another_shape_fails_the_run_and_does_not_hang_it(environment: WorkflowEnvironment) -> None:
    async with open_stage(environment, Judging) as stage:
        stage.agents.answers = [ModelAnswer(said=(), output={"bad": True}, model="m")]

        with pytest.raises(WorkflowFailureError):
            await (await stage.start("Judging")).result()

    assert "good" in (stage.progress[-1].error or "")

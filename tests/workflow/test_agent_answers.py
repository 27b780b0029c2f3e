"""Answers of models: their shape, and how often a request is retried."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.flow import Agent
from perdure.testing import ScriptedModel, WorkflowRunner
from tests.support import greeter
from tests.support.greeter import Person

ONCE = RetryPolicy(maximum_attempts=1)


class Mood(BaseModel):
    good: bool


@workflow.defn
class Patient:
    @workflow.run
    async def run(self) -> str:
        agent = Agent("clerk", retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_attempts=3))
        return await agent.llm.generate_str("Well?")


@workflow.defn
class Hasty:
    """Overrides its agent's retry policy for one request or one call."""

    @workflow.run
    async def run(self, what: str) -> str:
        agent = Agent("clerk", functions=[greeter.fail], retry_policy=RetryPolicy(maximum_attempts=3))
        if what == "request":
            return await agent.llm.generate_str("Well?", retry_policy=ONCE)
        return (await agent.tools.call("fail", retry_policy=ONCE)).text


@workflow.defn
class Judging:
    @workflow.run
    async def run(self) -> list[Any]:
        judge = Agent("judge")
        mood = await judge.llm.generate_structured("Good?", Mood)
        reply = await judge.llm.generate(Mood(good=True), shape=Mood)
        return [mood.good, reply.output.model_dump(), reply.usage.total.requests]


async def test_an_answer_has_the_requested_shape(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel([Mood(good=True), Mood(good=False)])

    outcome = await run_workflow(Judging, model=model)

    assert outcome.result == [True, {"good": False}, 1]
    assert model.prompts == ["Good?", '{"good":true}']


@pytest.mark.parametrize("wrong", [Person(name="Ann"), "It is good."])
async def test_an_answer_of_another_shape_is_requested_again(
    run_workflow: WorkflowRunner, wrong: BaseModel | str
) -> None:
    model = ScriptedModel([wrong, Mood(good=True), Mood(good=False)])

    outcome = await run_workflow(Judging, model=model)

    assert outcome.result == [True, {"good": False}, 1]
    assert "does not have the shape" in model.prompts[1]


async def test_a_model_that_never_answers_in_the_shape_fails_the_run_with_the_reason(
    run_workflow: WorkflowRunner,
) -> None:
    model = ScriptedModel([Person(name="Ann")] * 3)

    outcome = await run_workflow(Judging, model=model)

    assert outcome.ending.kind == "failed"
    assert "good: Field required" in (outcome.error or "")


async def test_the_retry_policy_of_an_agent_overrides_the_configuration(run_workflow: WorkflowRunner) -> None:
    failing = [ConnectionError("away"), ConnectionError("away"), ConnectionError("away"), "never answered"]
    settings = {"llm": {"retry": {"maximum_attempts": 1}}}

    outcome = await run_workflow(Patient, model=failing, settings=settings)

    assert max(fact.attempt for fact in outcome.progress) == 3
    assert outcome.ending.kind == "failed"


@pytest.mark.parametrize("what", ["request", "call"])
async def test_the_retry_policy_of_a_call_overrides_its_agents(run_workflow: WorkflowRunner, what: str) -> None:
    outcome = await run_workflow(Hasty, what, model=[ConnectionError("away"), "never answered"])

    assert outcome.ending.kind == "failed"
    assert [fact.attempt for fact in outcome.progress if fact.kind == "step_failed"] == [1]


@pytest.mark.parametrize(
    "settings",
    [{"llm": {"retry": {"maximum_attempts": 2}}}, {"agents": {"judge": {"retry": {"maximum_attempts": 2}}}}],
)
async def test_the_configuration_limits_the_attempts(run_workflow: WorkflowRunner, settings: dict[str, Any]) -> None:
    failing = [ConnectionError("away")] * 9

    outcome = await run_workflow(Judging, model=failing, settings=settings)

    assert max(fact.attempt for fact in outcome.progress) == 2
    assert outcome.ending.kind == "failed"

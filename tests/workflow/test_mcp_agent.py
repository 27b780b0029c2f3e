"""Programs for mcp-agent call models and activities as they do there."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from perdure.flow.mcp_agent import workflow
from perdure.flow.mcp_agent.agents.agent import Agent
from perdure.flow.mcp_agent.app import MCPApp
from perdure.flow.mcp_agent.executor.workflow import Workflow, WorkflowResult
from perdure.flow.mcp_agent.workflows.llm.augmented_llm_openai import OpenAIAugmentedLLM
from perdure.flow.messages import CALL_MODEL
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker

app = MCPApp(name="names")
LIMITS: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=5),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=2),
        maximum_interval=timedelta(minutes=1),
        backoff_coefficient=3.0,
        maximum_attempts=5,
    ),
}


class Mood(BaseModel):
    name: str


@app.workflow
class Attaching(Workflow[list[str]]):
    @app.workflow_run
    async def run(self) -> WorkflowResult[list[str]]:
        async with Agent(name="clerk", instruction="Be brief.") as agent:
            llm = await agent.attach_llm(OpenAIAugmentedLLM)
            mood = await llm.generate_structured(message="Good?", response_model=Mood)
            text = await llm.generate_str(message="And?")
        return WorkflowResult(value=[type(llm).__name__, mood.name, text])


@app.tool
async def ask_once(prompt: str) -> str:
    async with Agent(name="clerk") as agent:
        answer: str = await workflow.execute_activity(agent.llm.generate_str, args=[prompt], **LIMITS)
        return answer


@app.async_tool
async def ask_wrongly() -> list[str]:
    """Return what is wrong with each call."""
    async with Agent(name="clerk") as agent:
        calls = [
            lambda: workflow.execute_activity(
                agent.llm.generate_str, "Hi", schedule_to_close_timeout=timedelta(hours=1)
            ),
            lambda: workflow.execute_activity(agent.tools.price, "hat", **LIMITS),
            lambda: workflow.execute_activity(_no_activity, **LIMITS),
            lambda: agent.attach_llm(dict),  # type: ignore[arg-type] # as type checkers know
        ]
        return [await _refused(call) for call in calls]


async def _no_activity() -> None: ...


async def _refused(call: Any) -> str:
    try:
        await call()
    except TypeError as error:
        return str(error)
    return "nothing"


async def test_an_attached_model_is_that_of_the_agent(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Attaching, model=[Mood(name="good"), "Fine."])

    assert outcome.result == ["OpenAIAugmentedLLM", "good", "Fine."]
    assert outcome.steps == ["clerk: ask", "clerk: ask"]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_method_that_is_executed_as_an_activity_has_the_timeout_and_retries_of_the_call(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, ask_once) as worker:
        run = await worker.start("ask_once", "Hi")
        assert await run.result() == "words"
        history = await run.fetch_history()

    (scheduled,) = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
        and event.activity_task_scheduled_event_attributes.activity_type.name == CALL_MODEL
    ]
    assert scheduled.start_to_close_timeout.ToTimedelta() == LIMITS["start_to_close_timeout"]
    assert RetryPolicy.from_proto(scheduled.retry_policy) == LIMITS["retry_policy"]


async def test_what_cannot_be_executed_is_refused_with_what_to_do(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(ask_wrongly)

    option, tool, function, llm = outcome.result
    assert option == (
        "AugmentedLLM.generate_str takes no schedule_to_close_timeout: it may be several steps. "
        "Give it retry_policy and start_to_close_timeout, which hold for each of them."
    )
    assert tool.endswith("A tool of an agent is awaited without execute_activity.")
    assert function.startswith("_no_activity is not an activity: put @app.workflow_task above it.")
    assert llm.startswith("attach_llm takes a class such as OpenAIAugmentedLLM, not")

"""A tool that fails is published as a failed step, whatever its model or program does about it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio import workflow

from perdure.contracts import Progress, RunUsage
from perdure.flow import Agent
from perdure.flow.facts import EndedStep, ExpectedFacts
from perdure.testing import ToolUse, WorkflowRunner
from perdure_orchestrator.endings.step_facts import expected_facts, unpublished_facts
from tests.support import greeter

ENDING = Progress(
    workflow="W", workflow_id="w", run_id="r", sequence=4, kind="completed", at=datetime(2026, 11, 30, tzinfo=UTC)
)


@workflow.defn
class Telling:
    """Lets the model go on after its tool has failed."""

    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"], functions=[greeter.refuse]) as clerk:
            return await clerk.llm.generate_str("Go")


@workflow.defn
class Looking:
    """Looks at the failure itself."""

    @workflow.run
    async def run(self) -> bool:
        async with Agent("clerk", server_names=["shop"]) as clerk:
            return (await clerk.tools.call("steal", {"item": "hat"}, raises=False)).is_error


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (ToolUse("steal", {"item": "hat"}), "Error executing tool steal: the hat is guarded"),
        (ToolUse("refuse"), "not today"),
        (ToolUse("price", {"itme": "hat"}), "price has no parameter itme: did you mean item?"),
    ],
    ids=["the server's error", "the function's error", "a wrong call"],
)
async def test_a_failure_that_the_model_reads_is_a_failed_step(
    run_workflow: WorkflowRunner, use: ToolUse, error: str
) -> None:
    outcome = await run_workflow(Telling, model=[use, "sorry"], servers={"shop": greeter.shop()})

    ends = [(fact.kind, fact.error) for fact in outcome.progress if fact.step == f"clerk: {use.tool}"]
    assert ends == [("step_started", None), ("step_failed", error)]
    assert outcome.ending.kind == "completed"


async def test_a_failure_that_the_program_reads_is_a_failed_step(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Looking, servers={"shop": greeter.shop()})

    assert outcome.result is True
    assert [fact.kind for fact in outcome.progress if fact.step] == ["step_started", "step_failed"]


@pytest.mark.parametrize(
    ("stored", "missing"),
    [
        ([], ["step_failed"]),
        ([("step_failed", "sold out")], []),
        ([("step_completed", "sold out")], []),  # an earlier worker's
    ],
)
def test_the_ending_adds_no_second_end_of_a_failed_tool(stored: list[tuple[Any, str]], missing: list[str]) -> None:
    step = EndedStep(name="clerk: buy", sequence=2, error="sold out", usage=RunUsage(tool_calls=1))
    started = ENDING.model_copy(update={"sequence": 1, "kind": "started"})
    begun = ENDING.model_copy(update={"sequence": 2, "kind": "step_started"})
    ends = [ENDING.model_copy(update={"sequence": 3, "kind": kind, "error": error}) for kind, error in stored]

    expected = expected_facts(ExpectedFacts(beginning=started, steps=(step,)), ENDING)

    assert [fact.kind for fact in unpublished_facts(expected, [started, begun, *ends])] == missing

"""Models that go round in circles: a note, and a failure that names the count and the last call."""

from typing import Any

import pytest
from temporalio import workflow

from perdure.flow import Agent
from perdure.testing import ToolUse, WorkflowRunner
from perdure.testing.scripted_model import Line
from tests.support import greeter


@workflow.defn
class Circling:
    """Asks an agent with these options."""

    @workflow.run
    async def run(self, options: dict[str, Any]) -> str:
        agent = Agent("clerk", functions=[greeter.greet, greeter.now], **options)
        try:
            return (await agent.llm.generate("Go on.")).text
        except ValueError as error:
            return str(error)


def greet(name: str) -> ToolUse:
    return ToolUse("greet", {"name": name})


async def test_the_same_call_again_and_again_fails_the_run_with_a_note_before_it_is_made_once_more(
    run_workflow: WorkflowRunner,
) -> None:
    outcome = await run_workflow(Circling, {}, model=[greet("Ann")] * 11)

    text = 'The model of clerk called greet({"name":"Ann"}) 10 times since its prompt, and now once more. '
    assert outcome.ending.kind == "failed"
    assert outcome.notes == [f"{text}`Agent(…, max_same_calls=…)` allows more."]
    assert outcome.error == f"{outcome.notes[0]} (tests/workflow/test_turns.py:22)"
    assert outcome.steps.count("clerk: greet") == 10


@pytest.mark.parametrize(
    "script",
    [
        [greet("Ann"), ToolUse("now"), greet("Ann"), ToolUse("now"), greet("Ann")],
        [[greet("Ann"), greet("Bob"), greet("Ann")], greet("Ann")],
    ],
    ids=["in turns", "at once"],
)
async def test_the_limit_counts_all_calls_of_a_prompt(run_workflow: WorkflowRunner, script: list[Line]) -> None:
    outcome = await run_workflow(Circling, {"max_same_calls": 2}, model=script)

    assert 'greet({"name":"Ann"}) 2 times' in (outcome.error or "")


async def test_too_many_turns_fail_the_run_with_a_note_and_the_last_call(run_workflow: WorkflowRunner) -> None:
    script = [greet(f"Ann {number}") for number in range(3)]

    outcome = await run_workflow(Circling, {"max_turns": 3}, model=script)

    (note,) = outcome.notes
    assert 'called tools 3 times in a row and gave no answer; its last call was greet({"name":"Ann 2"})' in note
    assert (outcome.error or "").startswith(note)


async def test_a_higher_limit_lets_the_model_go_on(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Circling, {"max_same_calls": 12}, model=[*[greet("Ann")] * 12, "done"])

    assert (outcome.result, outcome.notes) == ("done", [])


@pytest.mark.parametrize("option", ["max_turns", "max_same_calls"])
async def test_a_limit_below_one_is_refused_with_a_sentence(run_workflow: WorkflowRunner, option: str) -> None:
    outcome = await run_workflow(Circling, {option: 0})

    assert f"{option} is 0: an agent needs at least 1" in f"{outcome.error}"

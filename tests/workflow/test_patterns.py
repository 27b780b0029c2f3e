"""Patterns of several agents; each model request is a durable step."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import Agent, WorkflowResult
from perdure.flow.patterns import Failure, handoff, orchestrate, parallel, refine, route
from perdure.testing import ScriptedModel, WorkflowRunner
from tests.support import greeter


class Structured(BaseModel):
    """Any structured answer."""

    model_config = {"extra": "allow"}


@workflow.defn
class Sides:
    @workflow.run
    async def run(self) -> dict[str, str]:
        found = await parallel(
            {name: Agent(name).llm.generate_str(f"Find the {name}") for name in ("mood", "names", "gist")}
        )
        return {name: f"failed: {it.error}" if isinstance(it, Failure) else it for name, it in found.items()}


@workflow.defn
class Crowd:
    """Counts how many parts run at the same time."""

    @workflow.run
    async def run(self, count: int) -> list[Any]:
        self._now = self._most = 0
        found = await parallel({f"{number}": self._part(number) for number in range(count)}, at_once=2)
        return [self._most, *found.values()]

    async def _part(self, number: int) -> str:
        self._now += 1
        self._most = max(self._most, self._now)
        answer = await Agent("one").llm.generate_str(f"part {number}")
        self._now -= 1
        return answer


@workflow.defn
class Sleepers:
    @workflow.run
    async def run(self, count: int) -> None:
        await parallel({f"{number}": workflow.sleep(3600) for number in range(count)}, at_once=2)


@workflow.defn
class Choosing:
    @workflow.run
    async def run(self) -> str:
        choices = {"sales": ("sells", "Ann"), "support": ("helps", "Bob")}
        return await route(Agent("router"), "It does not work", choices)


@workflow.defn
class Dispatching:
    @workflow.run
    async def run(self) -> str:
        choices: dict[str, tuple[str, Any]] = {
            "expert": ("knows", Agent("expert")),
            "now": ("returns the time", greeter.now),
            "shop": ("sells", "shop"),
        }
        match await route(Agent("router"), "Please", choices):
            case Agent() as agent:
                return await agent.llm.generate_str("Why?")
            case str() as server:
                return await Agent("buyer", server_names=[server]).tools.price(item="hat")
            case function:
                return await Agent("clock", functions=[function]).tools.now()


@workflow.defn
class Planning:
    @workflow.run
    async def run(self) -> str:
        workers = {"writer": ("writes", Agent("writer")), "counter": ("counts", Agent("counter"))}
        return await orchestrate(Agent("planner"), workers, "A book", rounds=3)


@workflow.defn
class Refining:
    @workflow.run
    async def run(self) -> list[Any]:
        refined = await refine(Agent("writer"), Agent("critic"), "A poem", good_enough=8, rounds=2)
        return [refined.text, refined.rounds, refined.good_enough]


@workflow.defn
class Passing:
    @workflow.run
    async def run(self) -> tuple[str, str]:
        agents = {"desk": ("answers first", Agent("desk")), "expert": ("knows", Agent("expert"))}
        return await handoff(agents, "desk", "Why?", turns=3)


@workflow.defn
class Valued:
    @workflow.run
    async def run(self, error: str | None) -> WorkflowResult[dict[str, int]]:
        return WorkflowResult(error=error) if error else WorkflowResult(value={"pages": 3})


async def test_the_failure_of_one_part_is_reported_beside_the_results_of_the_others(
    run_workflow: WorkflowRunner,
) -> None:
    def answer(prompt: str) -> str | Exception:
        return ValueError("no names") if "names" in prompt else prompt.upper()

    settings = {"llm": {"retry": {"maximum_attempts": 1}}}

    outcome = await run_workflow(Sides, model=answer, settings=settings)

    assert outcome.result["mood"] == "FIND THE MOOD"
    assert outcome.result["gist"] == "FIND THE GIST"
    assert "no names" in outcome.result["names"]


async def test_parts_beyond_the_bound_wait_for_their_turn(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Crowd, 7, model=lambda prompt: prompt)

    assert outcome.result == [2, *(f"part {number}" for number in range(7))]


async def test_a_run_that_is_cancelled_leaves_no_part_that_has_not_begun(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Sleepers, 30) as run:
        await run.wait_for("started")
        await run.cancel()
        outcome = await run.outcome()

    assert outcome.ending.kind == "cancelled"


@pytest.mark.parametrize("rounds", [1, 2], ids=["all fail", "one fails"])
async def test_a_plan_goes_on_without_the_task_that_failed(run_workflow: WorkflowRunner, rounds: int) -> None:
    def answer(prompt: str) -> Any:
        if prompt.startswith("Plan"):
            tasks = [{"worker": "counter", "task": "count"}, {"worker": "writer", "task": "write"}]
            return Structured(tasks=[] if "Done:\nnothing yet" not in prompt else tasks[:rounds])
        return ValueError("no numbers") if prompt == "count" else prompt

    settings = {"llm": {"retry": {"maximum_attempts": 1}}}
    model = ScriptedModel(answer)

    outcome = await run_workflow(Planning, model=model, settings=settings)

    if rounds == 1:
        assert str(outcome.error).startswith("Every task of the plan failed: counter: ")
    else:
        assert outcome.result.startswith("Answer the request from the results.")
    assert "counter, count:\n(failed: " in model.prompts[-1]
    assert "no numbers" in model.prompts[-1]


async def test_an_unknown_choice_is_requested_again_with_the_nearest_known_one(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel([Structured(name="suport"), Structured(name="support")])

    outcome = await run_workflow(Choosing, model=model)

    assert outcome.result == "Bob"
    assert "did you mean support?" in model.prompts[1]


async def test_a_router_that_never_chooses_fails_the_run(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Choosing, model=[Structured(name="nobody")] * 3)

    assert "chose none of sales, support" in (outcome.error or "")


@pytest.mark.parametrize(("name", "answer"), [("expert", "because"), ("now", "noon"), ("shop", "1 hat cost 3")])
async def test_a_router_chooses_an_agent_a_function_or_a_server(
    run_workflow: WorkflowRunner, name: str, answer: str
) -> None:
    outcome = await run_workflow(
        Dispatching, model=[Structured(name=name), "because"], servers={"shop": greeter.shop()}
    )

    assert outcome.result == answer


async def test_a_planner_that_never_finishes_is_stopped_and_the_results_are_combined(
    run_workflow: WorkflowRunner,
) -> None:
    def answer(prompt: str) -> Any:
        return Structured(tasks=[{"worker": "writer", "task": "more"}]) if prompt.startswith("Plan") else "words"

    model = ScriptedModel(answer)

    outcome = await run_workflow(Planning, model=model)

    assert outcome.result == "words"
    assert [prompt.split()[0] for prompt in model.prompts] == ["Plan", "more"] * 3 + ["Answer"]


@pytest.mark.parametrize(
    ("plan", "wrong"),
    [
        ({"tasks": [{"worker": "writer", "task": "x"}] * 11}, "it had 11 tasks"),
        ({"tasks": [{"worker": "riter", "task": "x"}]}, "there is no worker riter: did you mean writer?"),
    ],
)
async def test_a_planner_receives_the_error_of_its_plan_and_three_bad_plans_fail_the_run(
    run_workflow: WorkflowRunner, plan: dict[str, Any], wrong: str
) -> None:
    model = ScriptedModel([Structured(**plan)] * 3)

    outcome = await run_workflow(Planning, model=model)

    assert f"The model of planner made no usable plan.\n\nYour last plan was wrong: {wrong}" in (outcome.error or "")
    assert [wrong in prompt for prompt in model.prompts] == [False, True, True]


async def test_a_plan_is_executed_and_its_results_are_combined(run_workflow: WorkflowRunner) -> None:
    plan = Structured(tasks=[{"worker": "writer", "task": "chapter"}, {"worker": "counter", "task": "words"}])

    def answers() -> Callable[[str], Any]:
        plans = iter([Structured(tasks=[{"worker": "printer", "task": "x"}]), plan, Structured(tasks=[])])

        def answer(prompt: str) -> Any:
            if prompt.startswith("Plan"):
                return next(plans)
            return f"<{prompt}>" if prompt in {"chapter", "words"} else prompt.partition("Results:")[2]

        return answer

    outcome = await run_workflow(Planning, model=ScriptedModel(answers()))

    assert "writer, chapter:\n<chapter>" in outcome.result
    assert "counter, words:\n<words>" in outcome.result


@pytest.mark.parametrize(
    ("scores", "expected"), [([9], ["A poem", 1, True]), ([3, 8], ["better", 2, True]), ([5, 3], ["A poem", 2, False])]
)
async def test_a_text_is_refined_until_it_is_good_or_all_rounds_are_used(
    run_workflow: WorkflowRunner, scores: list[int], expected: list[Any]
) -> None:
    verdicts = iter(scores)

    def answer(prompt: str) -> Any:
        if prompt.startswith("Judge"):
            return Structured(score=next(verdicts), advice="rhyme")
        return "better" if "Advice: rhyme" in prompt else prompt

    outcome = await run_workflow(Refining, model=answer)

    assert outcome.result == expected


async def test_an_agent_that_cannot_answer_hands_over(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel(
        [Structured(hand_to="expret"), Structured(hand_to="expert", why="hard"), Structured(answer="because")]
    )

    outcome = await run_workflow(Passing, model=model)

    assert outcome.result == ["expert", "because"]
    assert "did you mean expert?" in model.prompts[1]
    assert "desk handed over to expert: hard" in model.prompts[2]


async def test_a_request_that_no_agent_answers_fails_the_run_after_the_last_turn(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel([Structured(hand_to="expert"), Structured(hand_to="desk"), Structured(hand_to="expert")])

    outcome = await run_workflow(Passing, model=model)

    assert str(outcome.error).startswith("Nobody answered within 3 turns: desk → expert → desk → expert. (")


async def test_a_result_with_an_error_fails_the_run_with_that_error(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Valued, "rejected: too long")

    assert (outcome.ending.kind, outcome.error) == ("failed", "rejected: too long")


async def test_a_result_with_a_value_is_the_runs_result(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Valued, None)

    assert outcome.result == {"pages": 3}

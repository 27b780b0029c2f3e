"""A planner splits a task, workers do the parts at the same time, and the planner combines the results."""

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from perdure.flow.agent import Agent
from perdure.flow.patterns.parallel import Failure, results_or_failures
from perdure.values.nearest import nearest

__all__ = ["Plan", "Task", "orchestrate"]

_TRIES: Final = 3

_GOES_ON: Final = "perdure-plans-go-on"  # a patch id: histories hold it

_Done = list[tuple["Task", "str | Failure"]]


class Task(BaseModel):
    """A part of the task.

    Attributes:
        worker: The name of the worker that does it.
        task: What to do.
    """

    worker: str
    task: str


class Plan(BaseModel):
    """The next tasks; they do not depend on each other's results.

    Attributes:
        tasks: Empty when the work is done.
    """

    tasks: list[Task]


async def orchestrate(
    planner: Agent, workers: Mapping[str, tuple[str, Agent]], request: str, *, rounds: int = 5, most_tasks: int = 10
) -> str:
    """Plan, work and synthesise, in rounds, until the planner plans no more tasks.

    A task that fails for good leaves the results of the others: the planner learns which one and why, and plans on.

    Args:
        planner: Plans, and combines the results.
        workers: By name: its skill, and the agent.
        request: The task.
        rounds: The maximum number of plans; then the results so far are combined, and the planner is asked to say that
            they are not all.
        most_tasks: The maximum of one plan; the planner must correct a plan with more.

    Raises:
        ApplicationError: Three plans named unknown workers or too many tasks (``BadPlan``), or every task failed
            (``AllTasksFailed``).
    """
    known = "\n".join(f"- {name}: {skill}" for name, (skill, _) in workers.items())
    done: _Done = []
    left = ""
    for _ in range(rounds):
        prompt = (
            f"Plan the next tasks, at most {most_tasks}, that can be done at the same time. Plan none when the work is "
            f"done.\n\nRequest:\n{request}\n\nWorkers:\n{known}\n\nDone:\n{_results(done)}"
        )
        plan = await _planned(planner, prompt, workers, most_tasks)
        if not plan.tasks:
            break
        work = [workers[task.worker][1].llm.generate_str(task.task) for task in plan.tasks]
        results = await (results_or_failures(work) if workflow.patched(_GOES_ON) else asyncio.gather(*work))
        done += zip(plan.tasks, results, strict=True)
    else:
        left = f"\n\nThe plan is not finished: its {rounds} rounds are used up. Say what is missing."
    _refuse_without_result(done)
    return await planner.llm.generate_str(
        f"Answer the request from the results.\n\nRequest:\n{request}\n\nResults:\n{_results(done)}{left}"
    )


async def _planned(planner: Agent, prompt: str, workers: Mapping[str, tuple[str, Agent]], most_tasks: int) -> Plan:
    wrong = ""
    for _ in range(_TRIES):
        plan = await planner.llm.generate_structured(prompt + wrong, Plan)
        unknown = next((task.worker for task in plan.tasks if task.worker not in workers), None)
        if unknown is not None:
            wrong = f"\n\nYour last plan was wrong: there is no worker {unknown}{nearest(unknown, workers)}"
        elif len(plan.tasks) > most_tasks:
            wrong = f"\n\nYour last plan was wrong: it had {len(plan.tasks)} tasks"
        else:
            return plan
    raise ApplicationError(
        f"The model of {planner.name} made no usable plan.{wrong}", type="BadPlan", non_retryable=True
    )


def _refuse_without_result(done: _Done) -> None:
    failures = [f"{task.worker}: {result.error}" for task, result in done if isinstance(result, Failure)]
    if failures and len(failures) == len(done):
        message = f"Every task of the plan failed: {'; '.join(dict.fromkeys(failures))}"
        raise ApplicationError(message, type="AllTasksFailed", non_retryable=True)


def _results(done: _Done) -> str:
    return "\n\n".join(f"{task.worker}, {task.task}:\n{_shown(result)}" for task, result in done) or "nothing yet"


def _shown(result: str | Failure) -> str:
    return f"(failed: {result.error})" if isinstance(result, Failure) else result

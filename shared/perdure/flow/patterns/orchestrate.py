"""A planner splits a task, workers do the parts at the same time, and the planner combines the results."""

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel
from temporalio.exceptions import ApplicationError

from perdure.flow.agent import Agent
from perdure.values.nearest import nearest

__all__ = ["Plan", "Task", "orchestrate"]

_TRIES: Final = 3


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

    Args:
        planner: Plans, and combines the results.
        workers: By name: its skill, and the agent.
        request: The task.
        rounds: The maximum number of plans; then the results so far are combined.
        most_tasks: The maximum of one plan; the planner must correct a plan with more.

    Raises:
        ApplicationError: Three plans named unknown workers or too many tasks (``BadPlan``).
    """
    known = "\n".join(f"- {name}: {skill}" for name, (skill, _) in workers.items())
    done: list[tuple[Task, str]] = []
    for _ in range(rounds):
        prompt = (
            f"Plan the next tasks, at most {most_tasks}, that can be done at the same time. Plan none when the work is "
            f"done.\n\nRequest:\n{request}\n\nWorkers:\n{known}\n\nDone:\n{_results(done)}"
        )
        plan = await _planned(planner, prompt, workers, most_tasks)
        if not plan.tasks:
            break
        results = await asyncio.gather(*(workers[task.worker][1].llm.generate_str(task.task) for task in plan.tasks))
        done += zip(plan.tasks, results, strict=True)
    return await planner.llm.generate_str(
        f"Answer the request from the results.\n\nRequest:\n{request}\n\nResults:\n{_results(done)}"
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


def _results(done: list[tuple[Task, str]]) -> str:
    return "\n\n".join(f"{task.worker}, {task.task}:\n{result}" for task, result in done) or "nothing yet"

"""Runs that start others, go on as others, let people know, and carry much. FROZEN, see the package."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError

from perdure.flow import Agent, Approved, WorkflowResult, alert, approval, note, renew_when_long


@activity.defn
async def make(size: int) -> str:
    return "y" * size


@activity.defn
async def measure(text: str) -> int:
    return len(text)


@workflow.defn
class Child:
    """Asks, or fails."""

    @workflow.run
    async def run(self, title: str) -> str:
        if title == "broken":
            raise ApplicationError("the child is broken", non_retryable=True)
        decision = await approval(title)
        return decision.by if isinstance(decision, Approved) else decision.outcome


@workflow.defn
class Parent:
    """Starts children; one that fails does not keep the others from their ends."""

    @workflow.run
    async def run(self, titles: list[str]) -> list[str]:
        return list(await asyncio.gather(*map(self._child, titles)))

    async def _child(self, title: str) -> str:
        name = f"{workflow.info().workflow_id}.{title}"
        try:
            return await workflow.execute_child_workflow(Child.run, title, id=name)
        except ChildWorkflowError as error:
            return f"failed: {error.cause}"


@workflow.defn
class Endless:
    """Asks a model in each round; each round is a run of its own, the last asks a person."""

    @workflow.run
    async def run(self, rounds: int) -> str:
        await Agent("counter").llm.generate_str(f"Round {rounds}")
        first = await approval(f"Round {rounds}?")
        if rounds > 1 and isinstance(first, Approved):
            await renew_when_long(rounds - 1, longest=1)
        return "stopped"


@workflow.defn
class Announcing:
    """Lets people know, without waiting for anybody."""

    @workflow.run
    async def run(self, words: str) -> WorkflowResult[str]:
        await note(f"It begins: {words}")
        await alert("Look here", details={"words": words}, severity="high", roles=["operators"])
        await asyncio.gather(note("left"), note("right"))
        return WorkflowResult(value=words)


@workflow.defn
class Regrettable:
    """Gives an error as its result, or raises what no workflow should."""

    @workflow.run
    async def run(self, how: str) -> WorkflowResult[str]:
        if how == "raises":
            raise ValueError("a bug of the author's")
        return WorkflowResult(error="it was not to be")


@workflow.defn
class Carrying:
    """Carries values that are too large for Temporal."""

    @workflow.run
    async def run(self, text: str) -> str:
        made = await workflow.execute_activity(make, len(text), start_to_close_timeout=timedelta(minutes=1))
        measured = await workflow.execute_local_activity(measure, made, start_to_close_timeout=timedelta(minutes=1))
        await note(f"{measured} characters")
        return text + made[:measured]


@workflow.defn
class Idle:
    """Waits for an hour and for an activity that nobody takes."""

    @workflow.run
    async def run(self, what: str) -> Any:
        if what == "timer":
            await workflow.sleep(3600)
        elif what == "condition":
            await workflow.wait_condition(lambda: False)
        return await workflow.execute_activity(
            "elsewhere", task_queue="elsewhere", start_to_close_timeout=timedelta(hours=1)
        )

"""Runs that take signals. FROZEN, see the package."""

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow

from perdure.flow import note


class Answer(BaseModel):
    reviewer: str
    stars: int = 0


@activity.defn
async def thank(whom: str) -> str:
    return f"Thank you, {whom}"


@workflow.defn
class Collecting:
    """Collects what signals bring, until one of them stops it."""

    def __init__(self) -> None:
        self._got: list[Any] = []
        self._stops = False

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: self._stops)
        return self._got

    @workflow.signal
    def approve(self, reviewer: str, comments: str = "none", answer: Answer | None = None) -> None:
        self._got.append([reviewer, comments, answer])

    @workflow.signal
    async def judge(self, reviewer: str, answer: Answer) -> None:
        words = await workflow.execute_activity(thank, reviewer, start_to_close_timeout=timedelta(minutes=1))
        self._got.append([words, answer.stars])

    @workflow.signal
    def answer(self, answer: Answer) -> None:
        self._got.append([answer.reviewer, answer.stars])

    @workflow.signal
    def stop(self) -> None:
        self._stops = True


@workflow.defn
class Handling:
    """Waits until what its signals began is done."""

    def __init__(self) -> None:
        self._done: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: bool(self._done) and workflow.all_handlers_finished())
        return self._done

    @workflow.signal
    async def do(self, what: str) -> None:
        await note(f"begins: {what}")
        self._done.append(await workflow.execute_activity(thank, what, start_to_close_timeout=timedelta(minutes=1)))

    @workflow.signal
    async def rest(self, what: str) -> None:
        await workflow.sleep(60)
        self._done.append(what)


@workflow.defn
class Regretting:
    """Has a step that somebody else takes; a signal cancels what it does, also if it comes with the step's end."""

    def __init__(self) -> None:
        self._work: asyncio.Task[str] | None = None

    @workflow.run
    async def run(self, where: str) -> str:
        self._work = asyncio.create_task(self._pay(where))
        try:
            return await self._work
        except asyncio.CancelledError:
            return "cancelled"

    async def _pay(self, where: str) -> str:
        await workflow.execute_activity("elsewhere", task_queue=where, start_to_close_timeout=timedelta(hours=1))
        await workflow.sleep(timedelta(hours=1))
        return "paid"

    @workflow.signal
    def cancel(self) -> None:
        if self._work is not None:
            self._work.cancel()

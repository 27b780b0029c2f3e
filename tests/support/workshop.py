"""A user's workflows, for live tests: each step appends a line to a file, so that executions can be counted."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Approved, Policy, Saga, approval

SOON = timedelta(seconds=4)


def append_line(step: int) -> None:
    with Path(os.environ["WORKSHOP_LOG"]).open("a") as log:
        log.write(f"{activity.info().workflow_id} {step}\n")


@activity.defn
async def work(step: int) -> int:
    append_line(step)
    await asyncio.sleep(0.3)
    return step


@activity.defn
def record_step(step: int) -> int:
    append_line(step)
    return step


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        for step in range(data["steps"]):
            await workflow.execute_activity(work, step, start_to_close_timeout=SOON)
        return data["steps"]


@workflow.defn
class Quick:
    @workflow.run
    async def run(self, _: dict[str, int]) -> int:
        await workflow.execute_activity(record_step, 0, start_to_close_timeout=SOON)
        return await workflow.execute_local_activity(record_step, 1, start_to_close_timeout=SOON)


@workflow.defn
class Patient:
    def __init__(self) -> None:
        self._released = False

    @workflow.run
    async def run(self, _: dict[str, int]) -> int:
        await workflow.wait_condition(lambda: self._released)
        return await workflow.execute_activity(record_step, 7, start_to_close_timeout=SOON)

    @workflow.signal
    def go(self) -> None:
        self._released = True


@workflow.defn
class Tally:
    def __init__(self) -> None:
        self._count = 0
        self._stopped = False

    @workflow.run
    async def run(self, _: dict[str, int]) -> int:
        await workflow.wait_condition(lambda: self._stopped)
        return self._count

    @workflow.signal
    def add(self, number: int) -> None:
        self._count += number

    @workflow.update
    async def raise_to(self, number: int) -> int:
        if number < self._count:
            raise ApplicationError(f"{number} is less than {self._count}", non_retryable=True)
        self._count = number
        return number

    @workflow.update
    async def hesitate(self) -> None:
        await workflow.wait_condition(lambda: self._stopped)

    @workflow.query
    def count(self) -> int:
        return self._count

    @workflow.query
    def dots(self, number: int) -> str:
        return "." * number

    @workflow.update
    async def draw(self, number: int) -> str:
        return "." * number

    @workflow.signal
    def stop(self) -> None:
        self._stopped = True


@activity.defn
async def make(size: int) -> str:
    append_line(0)
    return "large" * (size // 5)


@activity.defn
async def measure(text: str) -> int:
    append_line(2)
    return len(text)


@workflow.defn
class Large:
    """Makes a large text, waits for a signal, and passes the text to another step."""

    def __init__(self) -> None:
        self._released = False

    @workflow.run
    async def run(self, data: dict[str, int]) -> str:
        text = await workflow.execute_activity(make, data["size"], start_to_close_timeout=SOON)
        await workflow.execute_activity(record_step, 1, start_to_close_timeout=SOON)
        await workflow.wait_condition(lambda: self._released)
        size = await workflow.execute_activity(measure, text, start_to_close_timeout=timedelta(seconds=30))
        return text[:size]

    @workflow.signal
    def go(self) -> None:
        self._released = True


@workflow.defn
class Asking:
    """Requests an approval with the title and policy of its event, and returns the outcome."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> dict[str, Any]:
        policy = Policy.model_validate(data.get("policy", {}))
        outcome = await approval(data["title"], action=data["title"], policy=policy, requester=data.get("requester"))
        if isinstance(outcome, Approved):
            outcome.authorises(data["title"])
        return outcome.model_dump(mode="json")


@workflow.defn
class Panel:
    """Opens four requests: the first expires, the third is cancelled once the second is decided, the fourth is last."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> dict[str, Any]:
        timeouts = [timedelta(seconds=1), None, None, None]
        _, second, third, last = [
            asyncio.create_task(approval(data["title"], action=data["title"], policy=Policy(timeout=timeout)))
            for timeout in timeouts
        ]
        await second
        third.cancel()
        return (await last).model_dump(mode="json")


class Weight(BaseModel):
    grams: int


@activity.defn
async def weigh(step: int) -> Weight:
    append_line(step)
    return Weight(grams=5)


@activity.defn
async def take_back(step: int) -> None:
    append_line(-step)


@workflow.defn
class Dispatch:
    """Weighs a parcel, requests an approval and dispatches the parcel, all in one saga."""

    def __init__(self) -> None:
        self.is_approved = False

    @workflow.run
    async def run(self, _: dict[str, int]) -> int:
        async with Saga() as saga:
            weight: Weight = await saga.run(weigh, 1, undo=take_back)
            await approval("Dispatch?")
            self.is_approved = True
            await saga.run(record_step, 2, undo=take_back)
        return weight.grams

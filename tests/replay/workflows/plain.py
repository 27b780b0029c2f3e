"""Workflows that use temporalio alone, on a worker of ours. FROZEN, see the package."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError, ChildWorkflowError, is_cancelled_exception

SOON = timedelta(minutes=1)


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@activity.defn
async def fail_twice(what: str) -> str:
    if activity.info().attempt <= 2:
        raise ApplicationError("not yet")
    return what


@activity.defn
async def toss(side: str) -> str:
    return side


@workflow.defn
class Greeting:
    """Uses activities, local ones, timers and a query."""

    def __init__(self) -> None:
        self._name = "nobody"
        self._changes = 0

    @workflow.run
    async def run(self, name: str) -> list[str]:
        self._name = name
        first = await workflow.execute_activity(greet, name, start_to_close_timeout=SOON)
        second = await workflow.execute_local_activity(greet, "local " + name, start_to_close_timeout=SOON)
        third = await workflow.execute_activity(
            fail_twice, "third", start_to_close_timeout=SOON, retry_policy=RetryPolicy(initial_interval=SOON)
        )
        await workflow.sleep(3600)
        both = await asyncio.gather(
            workflow.execute_activity(greet, "left", start_to_close_timeout=SOON, summary="greets to the left"),
            workflow.execute_local_activity(greet, "right", start_to_close_timeout=SOON),
        )
        return [first, second, third, *both, f"{self._changes} changes"]

    @workflow.query
    def name(self) -> str:
        return self._name

    @workflow.update
    async def rename(self, name: str) -> str:
        self._name, before = name, self._name
        self._changes += 1
        await workflow.execute_activity(greet, name, start_to_close_timeout=SOON)
        return before


@workflow.defn
class Tossing:
    """Lets Temporal's own random numbers and ids decide what it does next."""

    @workflow.run
    async def run(self) -> list[str]:
        sides = []
        for _ in range(12):
            if workflow.random().random() < 0.5:
                sides.append(await workflow.execute_activity(toss, "heads", start_to_close_timeout=SOON))
            else:
                sides.append(await workflow.execute_local_activity(toss, "tails", start_to_close_timeout=SOON))
            if workflow.uuid4().int % 3 == 0:
                await workflow.sleep(1)
        return sides


@workflow.defn
class Sleeper:
    """Is cancelled by its parent, or woken by its signal."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=86400)
        except asyncio.CancelledError:
            await workflow.execute_local_activity(greet, "cancelled", start_to_close_timeout=SOON)
            raise
        return "woken"

    @workflow.signal
    def wake(self) -> None:
        self._woken = True


@workflow.defn
class Waking:
    """Starts two children, wakes one from outside and cancels the other."""

    @workflow.run
    async def run(self) -> list[str]:
        name = workflow.info().workflow_id
        woken = await workflow.start_child_workflow(Sleeper.run, id=f"{name}.woken")
        cancelled = await workflow.start_child_workflow(
            Sleeper.run,
            id=f"{name}.cancelled",
            cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.get_external_workflow_handle_for(Sleeper.run, f"{name}.woken").signal(Sleeper.wake)
        first = await woken
        cancelled.cancel()
        try:
            await cancelled
        except ChildWorkflowError as error:
            return [
                first,
                "cancelled" if is_cancelled_exception(error) or isinstance(error.cause, CancelledError) else "failed",
            ]
        return [first, "went on"]


@workflow.defn
class Failing:
    """Fails as an activity does, after having rolled back."""

    @workflow.run
    async def run(self) -> str:
        try:
            return await workflow.execute_activity(
                fail_twice, "well", start_to_close_timeout=SOON, retry_policy=RetryPolicy(maximum_attempts=1)
            )
        finally:
            await workflow.execute_activity(greet, "rolled back", start_to_close_timeout=SOON)


@workflow.defn
class Renewing:
    """Goes on as a new run, the plain way."""

    @workflow.run
    async def run(self, rounds: int) -> str:
        await workflow.execute_activity(greet, f"{rounds}", start_to_close_timeout=SOON)
        if rounds > 1:
            workflow.continue_as_new(rounds - 1)
        return "done"

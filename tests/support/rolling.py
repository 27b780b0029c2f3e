"""A user's workflows for deploys: some of them change such that open runs replay, others such that they do not."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow

from perdure.flow import Agent, Saga, approval

VERSION = "one"
SOON = timedelta(seconds=120)


def append_line(step: str) -> None:
    info = activity.info()
    with Path(os.environ["WORKSHOP_LOG"]).open("a") as log:
        log.write(f"{info.workflow_id} {step} {info.activity_id}\n")


@activity.defn
async def work(step: str) -> str:
    append_line(step)
    return step


@activity.defn
async def hold(step: str) -> str:
    """Take as long as the test wants."""
    append_line(step)
    while not Path(os.environ["WORKSHOP_LOG"]).with_name("released").exists():
        await asyncio.sleep(0.2)
        activity.heartbeat()
    return step


async def do(step: str) -> str:
    return await workflow.execute_activity(work, step, start_to_close_timeout=SOON)


async def take_long(step: str) -> str:
    return await workflow.execute_activity(
        hold, step, start_to_close_timeout=SOON, heartbeat_timeout=timedelta(seconds=4)
    )


@workflow.defn
class Fits:
    """Waits for a person; its change lies in a step."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        await do("before")
        await approval("Fits?")
        await do("after")
        return f"fits {VERSION}"


@workflow.defn
class Differs:
    """Waits for a person; its change puts a step before the request."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        await do("before")
        # one more step
        await approval("Differs?")
        await do("after")
        return f"differs {VERSION}"


@workflow.defn
class Booking:
    """Is inside a step of a saga."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        async with Saga() as saga:
            await saga.run(work, "book", undo=work)
            await take_long("pay")
            await saga.run(work, "send", undo=work)
        return f"booking {VERSION}"


@workflow.defn
class Shipping:
    """Is inside a step, behind which its change lies; but another step comes before it."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        # another step
        await take_long("load")
        await do("unload")
        return f"shipping {VERSION}"


@workflow.defn
class Talk:
    """Is inside of a conversation."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        async with Agent("talker") as talker:
            await talker.llm.generate_str("The first question")
            await take_long("think")
            await talker.llm.generate_str("The second question")
        return f"talk {VERSION}"

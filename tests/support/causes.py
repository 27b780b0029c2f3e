"""A user's workflows, for live tests of what `perdure explain` answers: each comes to a stop in a way of its own."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Agent, Policy, approval


@activity.defn
async def refuse(reason: str) -> None:
    raise ApplicationError(reason)


@workflow.defn
class Breaking:
    @workflow.run
    async def run(self, data: dict[str, Any]) -> None:
        raise ApplicationError(data["reason"])


@activity.defn
async def work_long() -> None:
    await asyncio.sleep(600)


@workflow.defn
class Working:
    @workflow.run
    async def run(self, _: dict[str, Any]) -> None:
        await workflow.execute_activity(work_long, start_to_close_timeout=timedelta(minutes=15))


@workflow.defn
class Trying:
    @workflow.run
    async def run(self, data: dict[str, Any]) -> None:
        await workflow.execute_activity(refuse, data["reason"], start_to_close_timeout=timedelta(seconds=4))


@workflow.defn
class Calling:
    @workflow.run
    async def run(self, _: dict[str, Any]) -> str:
        async with Agent("clerk", server_names=["absent"]) as clerk:
            return str(await clerk.tools.book(item="a table"))


@workflow.defn
class Unnotified:
    """Requests an approval about which no channel can send a notice."""

    @workflow.run
    async def run(self, _: dict[str, Any]) -> None:
        await approval("Send it", action="Send it", policy=Policy())


@workflow.defn
class Hurried:
    """Requests an approval that expires at once."""

    @workflow.run
    async def run(self, _: dict[str, Any]) -> None:
        await approval("Send it", action="Send it", policy=Policy(timeout=timedelta(seconds=1)))

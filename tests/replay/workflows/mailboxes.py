"""Runs that wait for signals by name. FROZEN, see the package."""

from datetime import timedelta
from typing import Any

from temporalio import workflow

from perdure.flow import renew_when_long
from perdure.flow.mcp_agent import workflow as program


@workflow.defn
class Reading:
    """Waits for pages, with time between two waits."""

    @workflow.run
    async def run(self, pages: int) -> list[Any]:
        read = []
        for _ in range(pages):
            read.append(await program.signal_wait("page"))
            await workflow.sleep(timedelta(minutes=1))
        return read


@workflow.defn
class ReadingInParts:
    """Continues as new after each page, and takes what else came at the end."""

    @workflow.run
    async def run(self, read: list[Any], pages: int) -> list[Any]:
        if len(read) == pages:
            return [*read, await program.signal_wait("cover")]
        read = [*read, await program.signal_wait("page")]
        await renew_when_long(read, pages, longest=1)
        return read

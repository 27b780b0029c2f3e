"""Prints why a run waits for mended code, while a command waits for the run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from perdure.bus import Bus
from perdure.bus.views.stuck_runs import new_stuck_runs, watch_stuck
from perdure.cli.stuck_text import stuck_notice
from perdure.errors import Unavailable
from perdure.runtime.stderr import print_error

__all__ = ["notices_of"]


@asynccontextmanager
async def notices_of(bus: Bus, workflow_id: str | None, *, as_json: bool) -> AsyncIterator[None]:
    """Print each reason once to standard error for the duration of the block.

    Args:
        bus: The bus.
        workflow_id: The run; None for every run that begins to wait meanwhile.
        as_json: Whether as JSON objects.
    """
    printing = asyncio.create_task(_print(bus, workflow_id, as_json=as_json))
    try:
        yield
    finally:
        printing.cancel()
        with suppress(asyncio.CancelledError):
            await printing


async def _print(bus: Bus, workflow_id: str | None, *, as_json: bool) -> None:
    while True:
        try:
            async for stuck in new_stuck_runs(bus) if workflow_id is None else watch_stuck(bus, workflow_id):
                print_error(stuck_notice(stuck.workflow_id, stuck.error, as_json=as_json))
        except Unavailable as error:  # the command itself goes on
            print_error(f"Cannot see now which runs wait for mended code: {error}")
            await asyncio.sleep(1)

"""How a command finds the bus, and what all commands share."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

import typer

from perdure.bus import NatsBus, connect
from perdure.configuration import load_settings
from perdure.local.whereabouts import whereabouts
from perdure.telemetry.tracing import tracing

__all__ = ["Json", "RunId", "open_bus", "run"]

_ANSWERED_WITHIN: Final = 5.0  # seconds

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
RunId = Annotated[str, typer.Argument(help="The run, as `perdure runs` names it.", show_default=False)]

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


@asynccontextmanager
async def open_bus() -> AsyncIterator[NatsBus]:
    """Connect to the local suite of this state folder if one runs, else to the configured servers.

    Raises:
        Unavailable: Nobody answers there.
    """
    settings = load_settings()
    with tracing("perdure", folder=settings.state / "traces" if settings.execution_engine == "local" else None):
        async with connect(whereabouts(settings)[0], source="perdure/cli", within=_ANSWERED_WITHIN) as bus:
            yield bus

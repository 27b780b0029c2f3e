"""How a command finds the bus, and what all commands share."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

import typer

from perdure.bus import NatsBus, connect
from perdure.configuration import load_settings
from perdure.local.state import read_endpoints
from perdure.settings import NatsSettings, Settings
from perdure.telemetry.tracing import tracing

__all__ = ["Json", "RunId", "open_bus", "run", "where"]

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
        async with connect(where(settings), source="perdure/cli", within=_ANSWERED_WITHIN) as bus:
            yield bus


def where(settings: Settings) -> NatsSettings:
    """Return where the bus is: that of the local suite if one runs, else the configured one."""
    endpoints = read_endpoints(settings.state) if settings.execution_engine == "local" else None
    return settings.nats if endpoints is None else settings.nats.model_copy(update={"servers": (endpoints.nats,)})

"""The connection of commands to the bus, and the options that they share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from perdure.cli.program import take_interrupts
from perdure.errors import Unavailable

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.bus.content import Content
    from perdure.config.settings import NatsSettings

__all__ = ["Json", "open_bus", "reach", "run_command"]

_ANSWERED_WITHIN: Final = 5.0  # seconds
_GREETS_WITHIN: Final = 1.0  # seconds, of a server on this machine

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]

Result = TypeVar("Result")


def run_command(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's asynchronous part; what it logs beside its errors is not printed."""
    import asyncio

    logging.getLogger("perdure").addHandler(logging.NullHandler())
    take_interrupts()
    return asyncio.run(work)


@asynccontextmanager
async def open_bus() -> AsyncIterator[NatsBus]:
    """Connect to the suite of this folder or of the nearest parent, else to the servers that the user configured.

    Raises:
        Unavailable: As in ``reach``.
    """
    from perdure.bus.content import content_of
    from perdure.config.loader import load_settings
    from perdure.local.discovery import discover

    settings = load_settings()
    nats = discover(settings)[0]
    from perdure.telemetry.tracing import tracing

    with tracing("perdure", folder=settings.state / "traces" if settings.execution_engine == "local" else None):
        async with reach(nats, source="perdure/cli", content=content_of(settings)) as bus:
            yield bus


@asynccontextmanager
async def reach(nats: NatsSettings, *, source: str, content: Content | None = None) -> AsyncIterator[NatsBus]:
    """Connect, and report a server that refuses this folder apart from one that does not answer.

    Raises:
        Unavailable: No server answers, or it refuses this folder.
    """
    from perdure.bus import connect

    await _refuse_silence(nats)
    async with connect(nats, source=source, within=_ANSWERED_WITHIN, content=content) as bus:
        try:
            yield bus
        except Unavailable as error:
            if bus.refusal is None or nats.nkey_seed_file or nats.credentials_file or nats.user:
                raise
            raise Unavailable(
                f"The NATS server at {nats.shown} answers, but does not let this folder read: it is the "
                "suite of another folder, or wants a key (`nats.nkey_seed_file`). Go to that folder, or run "
                "`perdure up` here."
            ) from error


async def _refuse_silence(nats: NatsSettings) -> None:
    """Fail at once if all servers are on this machine and nothing listens at any of them."""
    from perdure.connections.nats_greeting import NothingListens, Silent, is_loopback, server_name

    if not all(map(is_loopback, nats.servers)):
        return
    for server in nats.servers:
        try:
            await server_name(server, within=_GREETS_WITHIN)
        except NothingListens:
            continue
        except Silent:
            return  # it may be busy: connecting waits longer
        return
    raise Unavailable(f"No NATS server answers at {nats.shown}. Start one with `perdure up`.")

"""Publishes commands that nothing holds, and notices which of them another event had before."""

import asyncio
from typing import Final

from perdure.bus import Bus, Storage, decode, encode
from perdure.bus.views.start_ledger import StartLedger
from perdure.contracts import OtherEvent, SignalWorkflow, StartWorkflow, fit_event_id
from perdure.errors import InvalidMessage
from perdure_ingest.flow_control.placement import AS_PLANNED, Placement

__all__ = ["check_command", "publish_command", "refused_or_repeated"]

_SOURCE: Final = "perdure/ingest"

Command = StartWorkflow | SignalWorkflow


def check_command(bus: Bus, command: Command) -> None:
    """Check whether NATS takes a command, without publishing it; raises ``InvalidMessage`` if it does not."""
    bus.check_publishable(encode(command, source=_SOURCE))


async def publish_command(bus: Bus, ledger: StartLedger, command: Command, *, reports: bool) -> Placement:
    """Publish a command; returns what became of it once it is stored.

    The ledger is asked meanwhile, and a stored duplicate is read: neither delays the command.

    Args:
        bus: The bus.
        ledger: The starts that took effect.
        command: The command.
        reports: Whether its verdict is published. Otherwise nothing else is read.

    Raises:
        InvalidMessage: NATS takes no such message.
        Unavailable: NATS does not answer.
    """
    message = encode(command, source=_SOURCE)
    if not reports:
        await bus.store(message)
        return AS_PLANNED
    stored, placement = await asyncio.gather(bus.store(message), refused_or_repeated(ledger, command))
    if stored.duplicate and placement == AS_PLANNED:
        return await _first_of(bus, stored, command)
    return placement


async def refused_or_repeated(ledger: StartLedger, command: Command) -> Placement:
    """Return what the ledger knows of a command: another event had it before, or it will be refused.

    Raises:
        Unavailable: NATS does not answer.
    """
    try:
        first = await ledger.first_claim(command)
    except InvalidMessage as error:
        return Placement(refusal=error)
    if first is None or first[0] == command.event.stream_sequence:
        return AS_PLANNED
    sequence, run = first
    return Placement(first=OtherEvent(id=fit_event_id(command.event.id), stream_sequence=sequence), run=run)


async def _first_of(bus: Bus, stored: Storage, command: Command) -> Placement:
    """Return whether the stored command is of another event; JetStream compares the ids of messages only."""
    message = await bus.get("COMMANDS", stored.sequence)
    first = None if message is None else decode(message.raw)
    if not isinstance(first, StartWorkflow | SignalWorkflow) or first.event == command.event:
        return AS_PLANNED
    other = OtherEvent(id=fit_event_id(first.event.id), stream_sequence=first.event.stream_sequence)
    return Placement(first=other, run=first.workflow_id)

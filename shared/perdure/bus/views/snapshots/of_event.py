"""What is known of an event: its verdicts, its commands, its runs and its dead letter."""

import asyncio
from dataclasses import replace
from typing import Final

from perdure.bus.events import PREFIX
from perdure.bus.port import StoredMessage
from perdure.bus.views.event_outcome import event_commands, event_outcome
from perdure.bus.views.event_runs import event_in, place_id
from perdure.bus.views.event_verdicts import verdict_messages
from perdure.bus.views.snapshots.of_dead_letter import dead_letter_at, settlements_of
from perdure.bus.views.snapshots.of_run import run_facts, with_people
from perdure.bus.views.snapshots.sources import AskedSources, place_of_message
from perdure.contracts import Event
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome, EventQuery
from perdure.explain import Cited, EventFacts, FactSnapshot

__all__ = ["event_snapshot", "same_id", "with_event"]

_MOST: Final = 20  # runs of one event


async def event_snapshot(sources: AskedSources, asked: str, message: StoredMessage) -> FactSnapshot:
    """Return what is known of a stored event."""
    snapshot = await with_event(sources, FactSnapshot(asked, "event"), message)
    outcome = await _outcome(sources, message)
    event = snapshot.event
    if outcome is None or event is None:
        return snapshot
    runs = [run.workflow_id for run in outcome.runs[:_MOST]]
    refused = outcome.refused
    found = None if refused is None else await dead_letter_at(sources, refused.number)
    is_gone = refused is None and outcome.state == "dead_letter"
    return await with_people(
        sources,
        replace(
            snapshot,
            event=replace(event, outcome=outcome),
            runs=tuple(await asyncio.gather(*(run_facts(sources, run) for run in runs))),
            dead_letters=() if found is None else (found,),
            settlements=await settlements_of(sources, place=message) if is_gone else (),
        ),
    )


async def with_event(sources: AskedSources, snapshot: FactSnapshot, message: StoredMessage) -> FactSnapshot:
    """Return a snapshot with an event, the verdicts on it and its commands."""
    event = event_in(message)
    bus = sources.bus
    verdicts, commands = await asyncio.gather(
        sources.ask("VERDICTS", verdict_messages(bus, message), []),
        sources.ask("COMMANDS", event_commands(bus, message), {}),
    )
    return replace(
        snapshot,
        event=EventFacts(
            id=place_id(message) if event is None else event.id,
            type=message.raw.subject.removeprefix(PREFIX),
            place=place_of_message(message),
        ),
        verdicts=tuple(Cited(verdict, place_of_message(stored)) for stored, verdict in verdicts),
        commands=tuple(Cited(command, f"COMMANDS:{place}") for place, command in commands.items()),
    )


def same_id(message: StoredMessage) -> Cited[Event | None]:
    """Return another event with the id that is asked about; None for one that cannot be read."""
    return Cited(event_in(message), place_of_message(message))


async def _outcome(sources: AskedSources, message: StoredMessage) -> EventOutcome | None:
    """Return what has become of the event: by ingest, which has the ledger of starts, else by the streams alone."""
    subject = f"{EVENT_OUTCOME}.{message.raw.subject.removeprefix(PREFIX)}"
    outcome = await sources.reply("ingest", subject, EventQuery(stream_sequence=message.sequence), EventOutcome)
    if outcome is not None and outcome.state != "unknown":
        return outcome
    return await sources.ask("COMMANDS", event_outcome(sources.bus, message), None)

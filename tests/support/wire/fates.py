"""What became of each message that NATS acknowledged."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from perdure.bus import NatsBus, StoredMessage, decode
from perdure.bus.views.event_verdicts import last_word
from perdure.contracts import DeadLetter, EventVerdict, Message, Receipt, SignalWorkflow, StartWorkflow

__all__ = ["without_fate"]

_WITH_COMMAND = {"started", "signalled", "released"}
_SERVICES = {"EVENTS": "ingest", "COMMANDS": "orchestrator", "DECISIONS": "orchestrator", "SIGNALS": "orchestrator"}


async def without_fate(bus: NatsBus, after: Mapping[str, int]) -> list[StoredMessage]:
    """Wait until all is consumed; return the events, decisions and signals that did not become what they should.

    An event has a verdict, and became what that claims: commands, a dead letter, or nothing. A decision becomes a
    receipt or a dead letter; the signals are to runs that nobody knows, so each becomes a dead letter.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.
    """
    for stream, service in _SERVICES.items():
        await bus.wait_until_consumed(service, stream)
    dead = {(it.stream, it.stream_sequence) async for it in _messages(bus, "dlq.>") if isinstance(it, DeadLetter)}
    receipts = {it.decision_id async for it in _messages(bus, "receipts.>") if isinstance(it, Receipt)}
    verdicts, commands = await _verdicts(bus), await _routes_of_commands(bus)
    return [
        message
        for stream, subject in (("EVENTS", "events.>"), ("DECISIONS", "decisions.>"), ("SIGNALS", "signals.>"))
        async for message in bus.read(subject)
        if message.sequence > after[stream]
        and not (
            _is_as_judged(verdicts[message.sequence], commands[message.sequence], ("EVENTS", message.sequence) in dead)
            if stream == "EVENTS"
            else (stream, message.sequence) in dead or not receipts.isdisjoint(_decision_ids(message))
        )
    ]


async def _verdicts(bus: NatsBus) -> dict[int, list[EventVerdict]]:
    """Return the verdicts on each event, by its sequence."""
    found: dict[int, list[EventVerdict]] = defaultdict(list)
    async for it in _messages(bus, "verdicts.>"):
        if isinstance(it, EventVerdict):
            found[it.stream_sequence].append(it)
    return found


async def _routes_of_commands(bus: NatsBus) -> dict[int, set[str]]:
    """Return the routes of the commands of each event, by its sequence."""
    found: dict[int, set[str]] = defaultdict(set)
    async for it in _messages(bus, "commands.>"):
        if isinstance(it, StartWorkflow | SignalWorkflow):
            found[it.event.stream_sequence].add(it.route)
    return found


def _is_as_judged(verdicts: list[EventVerdict], commands: set[str], is_dead: bool) -> bool:
    """Return whether an event has a verdict, and became what the verdict claims."""
    routes = last_word(verdicts)
    is_refused = any(it.refused for it in verdicts)
    must = {it.route for it in routes if it.verdict in _WITH_COMMAND}
    may = {it.route for it in routes if it.verdict == "refused" and not is_refused}  # the orchestrator refuses it
    return bool(verdicts) and is_dead == is_refused and must <= commands <= must | may


async def _messages(bus: NatsBus, subject: str) -> AsyncIterator[Message]:
    async for stored in bus.read(subject):
        yield decode(stored.raw)


def _decision_ids(message: StoredMessage) -> set[str]:
    place = f"{message.stream}.{message.sequence}"
    try:
        fields = json.loads(message.raw.body)
        return {place, f"{fields['request_id']}.{fields['approver']}.{fields['nonce']}"}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {place}

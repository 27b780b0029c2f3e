"""What became of each message that NATS acknowledged."""

import json
from collections.abc import AsyncIterator, Mapping

from perdure.bus import NatsBus, StoredMessage, decode
from perdure.bus.views.event_verdicts import last_word
from perdure.contracts import DeadLetter, Message, Receipt, SignalWorkflow, StartWorkflow, Verdict, verdict_subject

__all__ = ["without_fate"]

_COMMANDS = {"started", "signalled", "released"}
_SERVICES = {"EVENTS": "ingest", "COMMANDS": "orchestrator", "DECISIONS": "orchestrator", "SIGNALS": "orchestrator"}


async def without_fate(bus: NatsBus, after: Mapping[str, int]) -> list[StoredMessage]:
    """Wait until all is consumed; return the events, decisions and signals that did not become what they should.

    An event has a verdict, and became what that claims: commands, a dead letter, or nothing. A decision becomes a receipt
    or a dead letter; the signals are to runs that nobody knows, so each becomes a dead letter.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.
    """
    for stream, service in _SERVICES.items():
        await bus.wait_until_consumed(service, stream)
    places = {(it.stream, it.stream_sequence) async for it in _messages(bus, "dlq.>") if isinstance(it, DeadLetter)}
    receipts = {it.decision_id async for it in _messages(bus, "receipts.>") if isinstance(it, Receipt)}
    return [
        message
        for stream, subject in (("DECISIONS", "decisions.>"), ("SIGNALS", "signals.>"))
        async for message in bus.read(subject)
        if message.sequence > after[stream]
        and (message.stream, message.sequence) not in places
        and receipts.isdisjoint(_decision_ids(message))
    ] + [it async for it in bus.read("events.>") if it.sequence > after["EVENTS"] and not await _is_as_judged(bus, it)]


async def _is_as_judged(bus: NatsBus, event: StoredMessage) -> bool:
    """Return whether an event has a verdict, and became what the verdict claims."""
    verdicts = [
        it
        async for it in _messages(bus, verdict_subject(event.raw.subject.removeprefix("events.")))
        if isinstance(it, Verdict) and it.stream_sequence == event.sequence
    ]
    routes = last_word(verdicts)
    commands = {
        it.route
        async for it in _messages(bus, "commands.>")
        if isinstance(it, StartWorkflow | SignalWorkflow) and it.event.stream_sequence == event.sequence
    }
    is_dead = any(
        isinstance(it, DeadLetter) and (it.stream, it.stream_sequence) == ("EVENTS", event.sequence)
        async for it in _messages(bus, "dlq.ingest")
    )
    claimed = {it.route for it in routes if it.verdict in _COMMANDS}
    is_refused = any(it.refused for it in verdicts)
    may_have = {it.route for it in routes if it.verdict == "refused" and not is_refused}  # the orchestrator refuses it
    return bool(verdicts) and is_dead == is_refused and claimed <= commands <= claimed | may_have


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

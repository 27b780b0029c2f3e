"""What became of each message that NATS acknowledged."""

import json
from collections.abc import AsyncIterator, Mapping

from perdure.bus import NatsBus, StoredMessage, decode
from perdure.contracts import DeadLetter, Message, Receipt, SignalWorkflow, StartWorkflow

__all__ = ["without_fate"]

_SERVICES = {"EVENTS": "ingest", "COMMANDS": "orchestrator", "DECISIONS": "orchestrator", "SIGNALS": "orchestrator"}


async def without_fate(bus: NatsBus, after: Mapping[str, int]) -> list[StoredMessage]:
    """Wait until all is consumed; return the events, decisions and signals of which nothing became.

    An event becomes a command or a dead letter, a decision a receipt or a dead letter; the signals are to runs that
    nobody knows, so each becomes a dead letter.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.
    """
    for stream, service in _SERVICES.items():
        await bus.wait_until_consumed(service, stream)
    places = {(it.stream, it.stream_sequence) async for it in _messages(bus, "dlq.>") if isinstance(it, DeadLetter)} | {
        ("EVENTS", it.event.stream_sequence)
        async for it in _messages(bus, "commands.>")
        if isinstance(it, StartWorkflow | SignalWorkflow)
    }
    receipts = {it.decision_id async for it in _messages(bus, "receipts.>") if isinstance(it, Receipt)}
    return [
        message
        for stream, subject in (("EVENTS", "events.>"), ("DECISIONS", "decisions.>"), ("SIGNALS", "signals.>"))
        async for message in bus.read(subject)
        if message.sequence > after[stream]
        and (message.stream, message.sequence) not in places
        and receipts.isdisjoint(_decision_ids(message))
    ]


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

"""What became of each message that NATS acknowledged."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from perdure.bus import NatsBus, StoredMessage, decode
from perdure.contracts import DeadLetter, Message, Receipt, SignalWorkflow, StartWorkflow

__all__ = ["COMMAND", "Place", "fates", "without_fate"]

_SERVICES = {"EVENTS": "ingest", "COMMANDS": "orchestrator", "DECISIONS": "orchestrator", "SIGNALS": "orchestrator"}
COMMAND = "command"
"""The fate of an event that became a command."""

Place = tuple[str, int]
"""A stream, and a sequence in it."""


async def without_fate(bus: NatsBus, after: Mapping[str, int]) -> list[StoredMessage]:
    """Return the events, decisions and signals of which nothing became; the signals are to runs that nobody knows.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.
    """
    became = await fates(bus, after)
    return [message async for message in _sent(bus, after) if not became[message.stream, message.sequence]]


async def fates(bus: NatsBus, after: Mapping[str, int]) -> Mapping[Place, list[str]]:
    """Wait until all is consumed; return what became of each event, decision and signal.

    An event becomes a command or a dead letter, a decision a receipt or a dead letter.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.

    Returns:
        ``COMMAND``, reasons of dead letters and codes of receipts.
    """
    for stream, service in _SERVICES.items():
        await bus.wait_until_consumed(service, stream)
    became = defaultdict[Place, list[str]](list)
    async for it in _messages(bus, "dlq.>"):
        if isinstance(it, DeadLetter):
            became[it.stream, it.stream_sequence].append(it.reason)
    async for it in _messages(bus, "commands.>"):
        if isinstance(it, StartWorkflow | SignalWorkflow):
            became["EVENTS", it.event.stream_sequence].append(COMMAND)
    codes = defaultdict[str, list[str]](list)
    async for it in _messages(bus, "receipts.>"):
        if isinstance(it, Receipt):
            codes[it.decision_id].append(it.code)
    async for message in _sent(bus, after):
        for decision_id in _decision_ids(message):
            became[message.stream, message.sequence] += codes[decision_id]
    return became


async def _sent(bus: NatsBus, after: Mapping[str, int]) -> AsyncIterator[StoredMessage]:
    for stream, sequence in after.items():
        async for message in bus.read(f"{stream.lower()}.>"):
            if message.sequence > sequence:
                yield message


async def _messages(bus: NatsBus, subject: str) -> AsyncIterator[Message]:
    async for stored in bus.read(subject):
        yield decode(stored.raw)


def _decision_ids(message: StoredMessage) -> set[str]:
    if message.stream != "DECISIONS":
        return set()
    place = f"{message.stream}.{message.sequence}"
    try:
        fields = json.loads(message.raw.body)
        return {place, f"{fields['request_id']}.{fields['approver']}.{fields['nonce']}"}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {place}

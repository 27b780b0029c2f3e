"""What became of each message that NATS acknowledged."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from perdure.bus import NatsBus, StoredMessage, decode
from perdure.contracts import DeadLetter, EventVerdict, Message, Receipt, SignalWorkflow, StartWorkflow, last_words

__all__ = ["COMMAND", "Place", "fates", "without_fate"]

_WITH_COMMAND = {"started", "signalled", "released"}
_SERVICES = {"EVENTS": "ingest", "COMMANDS": "orchestrator", "DECISIONS": "orchestrator", "SIGNALS": "orchestrator"}
COMMAND = "command"
"""The fate of an event that became a command."""

Place = tuple[str, int]
"""A stream, and a sequence in it."""


async def without_fate(bus: NatsBus, after: Mapping[str, int]) -> list[StoredMessage]:
    """Return the events, decisions and signals that did not become what they should.

    An event has a verdict, and became what that claims: commands, a dead letter, or nothing. A decision becomes a
    receipt or a dead letter; the signals are to runs that nobody knows, so each becomes a dead letter.

    Args:
        bus: The operator's bus.
        after: The sequence after which the messages count, by stream.
    """
    became, verdicts, commands = await fates(bus, after), await _verdicts(bus), await _routes_of_commands(bus)
    wrong: list[StoredMessage] = []
    async for message in _sent(bus, after):
        fate, sequence = became[message.stream, message.sequence], message.sequence
        is_right = bool(fate)
        if message.stream == "EVENTS":
            is_right = _is_as_judged(verdicts[sequence], commands[sequence], is_dead=bool(set(fate) - {COMMAND}))
        wrong += [] if is_right else [message]
    return wrong


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


def _is_as_judged(verdicts: list[EventVerdict], commands: set[str], *, is_dead: bool) -> bool:
    """Return whether an event has a verdict, and became what the verdict claims."""
    routes = last_words(route for verdict in verdicts for route in verdict.routes)
    is_refused = any(it.refused for it in verdicts)
    must = {it.route for it in routes if it.verdict in _WITH_COMMAND}
    may = {it.route for it in routes if it.verdict == "refused" and not is_refused}  # the orchestrator refuses it
    return bool(verdicts) and is_dead == is_refused and must <= commands <= must | may


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

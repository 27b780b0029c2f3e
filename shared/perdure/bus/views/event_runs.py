"""Finds events in their stream, and the runs that they started, by the event's id."""

from collections.abc import Iterable
from contextlib import aclosing
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, attribute, decode, header
from perdure.bus.event_mode import mode_by_headers
from perdure.bus.events import PREFIX, read_event
from perdure.bus.port import Bus, StoredMessage
from perdure.bus.views.newest import newest_headers
from perdure.contracts import Event, Progress, from_token, to_token
from perdure.errors import InvalidMessage

__all__ = ["event_at", "event_in", "fallback_id", "find_event", "run_tokens", "runs_of_event"]

_ALL_RUNS: Final = "progress.*.*"


async def runs_of_event(bus: Bus, event_id: str, tokens: Iterable[str] | None = None) -> list[str]:
    """Return the ids of the runs that an event started whose id ends with that of the event, as ids do by default.

    Args:
        bus: The bus.
        event_id: The event's id.
        tokens: The subject tokens of all runs, if the caller has them.

    Raises:
        Unavailable: NATS does not answer.
    """
    known = run_tokens(await bus.count_by_subject(_ALL_RUNS)) if tokens is None else tokens
    end = f"-{to_token(event_id)}"
    runs = sorted(from_token(token) for token in known if token.endswith(end))
    return [run for run in runs if await _event_of(bus, run) == event_id]


def run_tokens(subjects: Iterable[str]) -> list[str]:
    """Return the last token of each subject: the escaped run id in those of PROGRESS and APPROVALS."""
    return [subject.rpartition(".")[2] for subject in subjects]


async def find_event(
    bus: Bus, event_id: str, *, type_: str | None = None, source: str | None = None, most: int = 50_000
) -> StoredMessage | None:
    """Return the newest event with an id, or None if there is none among the newest events of its type.

    Args:
        bus: The bus.
        event_id: The event's id; that of a bare event is ``EVENTS.<sequence>``.
        type_: Only events of this type.
        source: Only events of this CloudEvents source.
        most: How many events to search at most, the newest first; 10,000 take about half a second.

    Raises:
        Unavailable: NATS does not answer.
    """
    subject = f"{PREFIX}{type_ or '>'}"
    stream, _, sequence = event_id.rpartition(".")
    if stream == "EVENTS" and sequence.isdecimal() and (found := await event_at(bus, int(sequence), subject)):
        return found
    searched = 0
    async with aclosing(newest_headers(bus, subject)) as messages:
        async for message in messages:
            if await _is(bus, message, event_id, source):
                return await event_at(bus, message.sequence, subject)
            searched += 1
            if searched == most:
                return None
    return None


async def event_at(bus: Bus, sequence: int, subject: str) -> StoredMessage | None:
    """Return the event with this sequence, or None if there is none or its subject does not match."""
    found = await bus.first(subject, after=sequence - 1)
    return found if found is not None and found.sequence == sequence else None


def event_in(message: StoredMessage) -> Event | None:
    """Return the event that a message of EVENTS holds, or None if it holds none."""
    try:
        return read_event(message.raw, fallback_id=fallback_id(message))
    except InvalidMessage:
        return None


def fallback_id(message: StoredMessage) -> str:
    """Return the id of an event that carries none: its place in the stream."""
    return f"{message.stream}.{message.sequence}"


async def _is(bus: Bus, message: StoredMessage, event_id: str, source: str | None) -> bool:
    """Return whether a message, read without its body, is this event."""
    headers = message.raw.headers
    if mode_by_headers(message.raw) == "structured":  # the id is in the body
        whole = await event_at(bus, message.sequence, message.raw.subject)
        event = event_in(whole) if whole else None
        return event is not None and event.id == event_id and source in {None, event.source}
    try:
        if attribute(headers, "specversion") is not None:
            return attribute(headers, "id") == event_id and source in {None, attribute(headers, "source")}
    except InvalidMessage:  # it is nobody's event, and must not hide those of others
        return False
    return (header(headers, MESSAGE_ID) or fallback_id(message)) == event_id and source in {None, "nats"}


async def _event_of(bus: Bus, run: str) -> str | None:
    """Return the id of the event that started a run."""
    newest = await bus.last(f"progress.*.{to_token(run)}")
    fact = None if newest is None else decode(newest.raw)
    return fact.event_id if isinstance(fact, Progress) else None

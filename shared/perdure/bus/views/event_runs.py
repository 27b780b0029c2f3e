"""Finds events in their stream, and the runs that they started, by the event's id."""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, attribute, decode, header
from perdure.bus.event_mode import mode_by_headers
from perdure.bus.events import PREFIX, read_event
from perdure.bus.events import event_id as read_id
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.bus.views.newest import newest_headers
from perdure.contracts import Event, Progress, from_token, to_token
from perdure.errors import InvalidMessage
from perdure.values.run_id import SEPARATOR, place_of

__all__ = ["event_at", "event_in", "find_event", "find_events", "place_id", "run_tokens", "runs_of_event"]

_ALL_RUNS: Final = "progress.*.*"
_SEPARATOR: Final = re.escape(to_token(SEPARATOR))
_PLACE: Final = re.compile(r"EVENTS\.(\d{1,19})(\.\d+)?", re.ASCII)
_BODIES: Final = 500  # events
_BODY_BYTES: Final = 16 * 1024 * 1024
_ALIKE: Final = 10_000  # events, the newest, in which further ones with the same id are looked for


async def runs_of_event(bus: ReadableStreams, event_id: str, tokens: Iterable[str] | None = None) -> list[str]:
    """Return the ids of the runs that an event started, of those whose ids name it as ids do by default.

    Args:
        bus: The bus.
        event_id: The event's id.
        tokens: The subject tokens of all runs, if the caller has them.

    Raises:
        Unavailable: NATS does not answer.
    """
    known = run_tokens(await bus.count_by_subject(_ALL_RUNS)) if tokens is None else tokens
    end = re.compile(rf"(-|{_SEPARATOR}){re.escape(to_token(event_id))}({_SEPARATOR}[0-9a-f]+)?$")
    runs = sorted(from_token(token) for token in known if end.search(token))
    return [run for run in runs if await _event_of(bus, run) == event_id]


def run_tokens(subjects: Iterable[str]) -> list[str]:
    """Return the last token of each subject: the escaped run id in those of PROGRESS and APPROVALS."""
    return [subject.rpartition(".")[2] for subject in subjects]


async def find_event(
    bus: ReadableStreams, event_id: str, *, type_: str | None = None, source: str | None = None, most: int = 50_000
) -> StoredMessage | None:
    """Return the newest event with an id, or None if there is none among the newest events of its type.

    Args:
        bus: The bus.
        event_id: The event's id; that of a bare event is ``EVENTS.<sequence>.<stored_at>``, and without its time it
            names the event that has this place now.
        type_: Only events of this type.
        source: Only events of this CloudEvents source.
        most: How many events to search at most, the newest first; 10,000 take about half a second. Of those whose
            id may stand in the body, the newest 500 are read, and at most 16 MiB.

    Raises:
        Unavailable: NATS does not answer.
    """
    events = find_events(bus, event_id, type_=type_, source=source, most=most)
    async with aclosing(events):
        return await anext(events, None)


async def find_events(
    bus: ReadableStreams, event_id: str, *, type_: str | None = None, source: str | None = None, most: int = 50_000
) -> AsyncGenerator[StoredMessage]:
    """Yield the events with an id as ``find_event`` searches for them, newest first.

    Events of several sources, or of the same that published it again after the duplicate window, may share an id.
    Beyond the newest 10,000 events only the first is looked for.
    """
    subject = f"{PREFIX}{type_ or '>'}"
    if found := await _at_place(bus, event_id, subject):
        yield found
        return
    searched, bodies, left = 0, _BODIES, _BODY_BYTES
    has_found = False
    async with aclosing(newest_headers(bus, subject)) as messages:
        async for message in messages:
            named = _is_named(message, event_id, source)
            if named or (named is None and bodies > 0 and left > 0):
                whole = await event_at(bus, message.sequence, message.raw.subject)
                if whole is not None and _is(whole, event_id, source):
                    yield whole
                    has_found = True
                bodies, left = bodies - 1, left - (0 if whole is None else len(whole.raw.body))
            searched += 1
            if searched == most or (has_found and searched >= _ALIKE):
                break


async def event_at(bus: ReadableStreams, sequence: int, subject: str) -> StoredMessage | None:
    """Return the event with this sequence, or None if there is none or its subject does not match."""
    found = await bus.first(subject, after=sequence - 1)
    return found if found is not None and found.sequence == sequence else None


def event_in(message: StoredMessage) -> Event | None:
    """Return the event that a message of EVENTS holds, or None if it holds none."""
    try:
        return read_event(message.raw, fallback_id=place_id(message))
    except InvalidMessage:
        return None


def place_id(message: StoredMessage) -> str:
    """Return the id of an event that carries none."""
    return place_of(message.stream, message.sequence, message.stored_at)


async def _at_place(bus: ReadableStreams, event_id: str, subject: str) -> StoredMessage | None:
    """Return the event that an id names by its place, if it has the time that the id may name too."""
    if (place := _PLACE.fullmatch(event_id)) is None:
        return None
    found = await event_at(bus, int(place[1]), subject)
    return found if found is not None and event_id in {place[0] if not place[2] else "", place_id(found)} else None


def _is_named(message: StoredMessage, event_id: str, source: str | None) -> bool | None:
    """Return whether the headers of a message name this event; None if its id may stand in its body."""
    headers = message.raw.headers
    match mode_by_headers(message.raw):
        case "binary":
            try:
                return attribute(headers, "id") == event_id and source in {None, attribute(headers, "source")}
            except InvalidMessage:  # it is nobody's event, and must not hide those of others
                return False
        case "bare" if header(headers, MESSAGE_ID) == event_id:
            return True
        case "batch":
            return False
        case _:
            return None


def _is(message: StoredMessage, event_id: str, source: str | None) -> bool:
    """Return whether a message is this event; one that cannot be read has its id all the same."""
    if read_id(message.raw, fallback_id=place_id(message)) != event_id:
        return False
    event = None if source is None else event_in(message)
    return event is None or event.source == source


async def _event_of(bus: ReadableStreams, run: str) -> str | None:
    """Return the id of the event that started a run."""
    newest = await bus.last(f"progress.*.{to_token(run)}")
    fact = None if newest is None else decode(newest.raw)
    return fact.event_id if isinstance(fact, Progress) else None

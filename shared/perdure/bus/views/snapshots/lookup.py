"""Finds what a text names, and gathers what is known of it."""

import re
import sys
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import StoredMessage
from perdure.bus.views.event_runs import find_event, find_events, run_tokens
from perdure.bus.views.run_codes import exact_run
from perdure.bus.views.run_lookup import ambiguous
from perdure.bus.views.snapshots.of_dead_letter import dead_letter_at, settlements_of
from perdure.bus.views.snapshots.of_decision import decision_at, decision_snapshot, find_decision
from perdure.bus.views.snapshots.of_due_time import due_event_id, due_snapshot
from perdure.bus.views.snapshots.of_event import event_snapshot, same_id, with_event
from perdure.bus.views.snapshots.of_run import run_facts, with_people
from perdure.bus.views.snapshots.people import people_of
from perdure.bus.views.snapshots.recorded import recorded_snapshot
from perdure.bus.views.snapshots.sources import AskedSources, cited
from perdure.contracts import (
    AboutRequest,
    Alert,
    EventReference,
    EventVerdict,
    PauseChanged,
    Progress,
    Receipt,
    SignalWorkflow,
    StartWorkflow,
    from_token,
    to_token,
)
from perdure.contracts.pauses import SUITE
from perdure.errors import InvalidMessage
from perdure.explain import FactSnapshot
from perdure.values.run_id import SEPARATOR
from perdure.values.short_code import run_word, split_request

__all__ = ["snapshot_of"]

_PLACE: Final = re.compile(r"([A-Z]+):(\d{1,19})", re.ASCII)
_ALL_RUNS: Final = "progress.*.*"
_MOST_EVENTS: Final = 50_000  # the newest, in which an event is looked for
_SAME_ID: Final = 10  # events, the newest
_EVENTS: Final = 10_000  # the newest, in which the event of a run is looked for: about half a second


async def snapshot_of(sources: AskedSources, text: str, *, route: str | None = None) -> FactSnapshot:
    """Return what is known of the thing that a text names.

    Args:
        sources: Who is asked.
        text: ``<stream>:<sequence>`` of a stored message; or the id of a run or its code, of an approval request, of a
            decision or of an event; else the number of a dead letter; else the id of a run that has not begun; else a
            unique beginning of a run id; else the id of an event or run in the audit record; else a due time that has
            no event, ``<route>@<time>``. The first that fits counts, in this order, which is that of ``find_run``.
        route: A route that should have taken the event; then only an event is looked for, or one of its due times.

    Raises:
        Ambiguous: Several runs begin with the text, or it is the id of one and the code of another.
    """
    if place := _PLACE.fullmatch(text):
        found = await _at_place(sources, text, place[1], int(place[2]))
    else:
        found = await _by_name(sources, text, route) or await _of_due_time(sources, text, route)
    if found is None or (route is not None and found.about not in {"event", "due_time"}):
        found = FactSnapshot(text, "nothing")
    snapshot = replace(found, route=route)
    if any(run.description is None or run.description.polling == () for run in snapshot.runs):
        snapshot = replace(snapshot, broken_code=await sources.broken_code())
    if snapshot.about in {"event", "run"}:
        pause = cited(await sources.newest("ADMIN", f"admin.pause.{to_token(SUITE)}"), PauseChanged)
        snapshot = replace(snapshot, pause=pause if pause is not None and pause.message.holds else None)
    return replace(snapshot, silent=tuple(sorted(sources.silent)), unrecorded=tuple(sorted(sources.unrecorded)))


async def _by_name(sources: AskedSources, text: str, route: str | None) -> FactSnapshot | None:
    if route is None:
        return await _named(sources, text)
    return await _event(sources, text) or await recorded_snapshot(sources, text)


async def _of_due_time(sources: AskedSources, text: str, route: str | None) -> FactSnapshot | None:
    """Return what is known of the event of a due time, however its time is written, or why there is none."""
    due = due_event_id(text, route)
    if due is None:
        return None
    written = None if due == text else await _by_name(sources, due, route)
    return written or await due_snapshot(sources, due)


async def _named(sources: AskedSources, text: str) -> FactSnapshot | None:
    run = await sources.search("PROGRESS", exact_run(sources.bus, text), None)
    number = split_request(text)[1]
    if run is not None and (run == text or not number):
        return await _run(sources, text, run)
    if run is not None and (found := await _request(sources, text, run, number)) is not None:
        return found
    for find in (find_decision, _event, _dead_letter, _run_to_begin, _beginning, recorded_snapshot):
        if (found := await find(sources, text)) is not None:
            return found
    return None


async def _at_place(sources: AskedSources, text: str, stream: str, sequence: int) -> FactSnapshot | None:
    if stream == "DLQ":
        return await _dead_letter(sources, str(sequence))
    message = await sources.ask(stream, sources.bus.get(stream, sequence), None)
    if message is None:
        return None
    if stream == "EVENTS":
        return await event_snapshot(sources, text, message)
    if stream == "DECISIONS":
        decision = decision_at(message)
        if decision is None:
            return None
        it = decision.message
        return await decision_snapshot(sources, text, it.request_id, it.message_id, decision)
    return await _about(sources, text, message)


async def _about(sources: AskedSources, text: str, message: StoredMessage) -> FactSnapshot | None:
    """Return what is known of the event, run, request or decision that a message is about."""
    try:
        found = decode(message.raw)
    except InvalidMessage:
        return None
    snapshot = None
    match found:
        case EventVerdict(stream_sequence=sequence) | StartWorkflow(event=EventReference(stream_sequence=sequence)):
            snapshot = await _at_place(sources, text, "EVENTS", sequence)
        case SignalWorkflow(event=event):
            snapshot = await _at_place(sources, text, "EVENTS", event.stream_sequence)
        case AboutRequest(request_id=request_id):
            snapshot = await _request(sources, text, *split_request(request_id))
        case Progress(workflow_id=run) | Alert(workflow_id=run):
            snapshot = await _run(sources, text, run)
        case Receipt(request_id=request_id, decision_id=decision_id):
            snapshot = await decision_snapshot(sources, text, request_id, decision_id)
    return snapshot if snapshot is None else replace(snapshot, asked=text)


async def _run(sources: AskedSources, text: str, workflow_id: str) -> FactSnapshot:
    run = await run_facts(sources, workflow_id)
    snapshot = await with_people(sources, FactSnapshot(text, "run", runs=(run,)))
    event_id = None if run.last is None else run.last.message.event_id
    message, most = None, sys.maxsize if sources.is_record else _EVENTS
    if event_id is not None:
        message = await sources.search("EVENTS", find_event(sources.bus, event_id, most=most), None)
    return snapshot if message is None else await with_event(sources, snapshot, message)


async def _request(sources: AskedSources, text: str, run: str, number: str) -> FactSnapshot | None:
    snapshot = await people_of(sources, FactSnapshot(text, "request"), run, only=f"{run}.{number}")
    if not snapshot.requests:
        return None
    return replace(snapshot, requests=snapshot.requests[-1:], runs=(await run_facts(sources, run),))


async def _event(sources: AskedSources, text: str) -> FactSnapshot | None:
    events = await sources.search("EVENTS", _of_id(sources, text), [])
    if not events:
        return None
    newest, *others = events
    return replace(await event_snapshot(sources, text, newest), same_id=tuple(map(same_id, others)))


async def _of_id(sources: AskedSources, event_id: str) -> list[StoredMessage]:
    found, most = [], sys.maxsize if sources.is_record else _MOST_EVENTS
    async with aclosing(find_events(sources.bus, event_id, most=most)) as events:
        async for event in events:
            found.append(event)
            if len(found) == _SAME_ID:
                break
    return found


async def _dead_letter(sources: AskedSources, text: str) -> FactSnapshot | None:
    if not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    found = await dead_letter_at(sources, number)
    acts = () if found is not None else await settlements_of(sources, number=number)
    if found is None and not acts:
        return None
    snapshot = FactSnapshot(text, "dead_letter", dead_letters=() if found is None else (found,), settlements=acts)
    original = found.message if found is not None else acts[-1].message
    if original.stream != "EVENTS":
        return snapshot
    message = await sources.ask("EVENTS", sources.bus.get("EVENTS", original.stream_sequence), None)
    return snapshot if message is None else await with_event(sources, snapshot, message)


async def _run_to_begin(sources: AskedSources, text: str) -> FactSnapshot | None:
    """Return what is known of the event of a run that has not begun: its default id, ``<route>~<event>~<mark>``."""
    _, _, rest = text.partition(SEPARATOR)
    for event_id in dict.fromkeys((rest.rpartition(SEPARATOR)[0], rest)):
        found = await _event(sources, event_id) if event_id else None
        if found is not None and any(it.message.workflow_id == text for it in found.words):
            return replace(found, asked=text)
    return None


async def _beginning(sources: AskedSources, text: str) -> FactSnapshot | None:
    """Return what is known of the only run whose id begins with a text."""
    subjects = await sources.ask("PROGRESS", sources.bus.count_by_subject(_ALL_RUNS), {})
    runs = sorted({from_token(token) for token in run_tokens(subjects) if token.startswith(to_token(text))})
    if len(runs) > 1:
        raise ambiguous(f"{text} begins the ids of", "runs", [run_word(run) for run in runs])
    return await _run(sources, text, runs[0]) if runs else None

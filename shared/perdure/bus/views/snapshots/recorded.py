"""What the audit record knows of an event or run that the streams no longer hold."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from perdure.bus.envelope import RawMessage
from perdure.bus.events import PREFIX
from perdure.bus.port import StoredMessage
from perdure.bus.views.event_runs import event_in, place_id
from perdure.bus.views.snapshots.sources import AskedSources, Kind, cited, place_of_message
from perdure.contracts import DeadLetter, EventVerdict, Progress, SignalWorkflow, StartWorkflow, to_token
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecord, AuditRecordsFound, AuditRecordsQuery
from perdure.explain import Cited, EventFacts, FactSnapshot, RunFacts

__all__ = ["recorded_snapshot"]

_MOST: Final = 200  # records


async def recorded_snapshot(sources: AskedSources, text: str) -> FactSnapshot | None:
    """Return what is recorded of the event or run with an id; None if nothing is, or audit does not answer."""
    if sources.is_record:
        return None  # all of it was searched
    event = await _records(sources, AuditRecordsQuery(event=text, limit=_MOST))
    if event:
        return _snapshot(text, event)
    run = await _records(sources, AuditRecordsQuery(stream="PROGRESS", run=to_token(text), limit=_MOST))
    runs = tuple(_runs(run))
    return FactSnapshot(text, "run", runs=runs) if runs else None


async def _records(sources: AskedSources, query: AuditRecordsQuery) -> list[StoredMessage]:
    found = await sources.reply("audit", AUDIT_RECORDS, query, AuditRecordsFound)
    return [] if found is None else [_message(it) for it in found.records if not it.body_left_out]


def _message(record: AuditRecord) -> StoredMessage:
    raw = RawMessage(record.subject, record.body, record.headers)
    return StoredMessage(raw, record.stream, record.sequence, record.stored_at, pending=0)


def _snapshot(text: str, messages: Sequence[StoredMessage]) -> FactSnapshot | None:
    verdicts = tuple(_of_kind(messages, EventVerdict))
    event = next((_event(it) for it in messages if it.stream == "EVENTS"), None)
    if event is None and verdicts:
        judged = verdicts[0].message
        event = EventFacts(judged.event_id, judged.event_type, f"EVENTS:{judged.stream_sequence}")
    if event is None:
        return None
    return FactSnapshot(
        text,
        "event",
        event=event,
        verdicts=verdicts,
        commands=(*_of_kind(messages, StartWorkflow), *_of_kind(messages, SignalWorkflow)),
        runs=tuple(_runs(messages)),
        dead_letters=tuple(_of_kind(messages, DeadLetter)),
    )


def _event(message: StoredMessage) -> EventFacts:
    event = event_in(message)
    name = place_id(message) if event is None else event.id
    return EventFacts(name, message.raw.subject.removeprefix(PREFIX), place_of_message(message))


def _runs(messages: Iterable[StoredMessage]) -> Iterator[RunFacts]:
    facts: dict[str, list[Cited[Progress]]] = {}
    for fact in _of_kind(messages, Progress):
        facts.setdefault(fact.message.workflow_id, []).append(fact)
    for run, of_run in facts.items():
        yield RunFacts(run, of_run[0], of_run[-1])


def _of_kind(messages: Iterable[StoredMessage], kind: type[Kind]) -> Iterator[Cited[Kind]]:
    return (found for message in messages if (found := cited(message, kind)) is not None)

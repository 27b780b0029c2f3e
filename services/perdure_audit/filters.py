"""Filters on the recorded messages, as conditions that SQLite and PostgreSQL share."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import ColumnElement, String, and_, cast, or_

from perdure.bus.envelope import MESSAGE_ID, PARTITION_KEY, header_value
from perdure.contracts import fit_event_id
from perdure.contracts.audit import AuditRecordsQuery
from perdure.values.flow_key import fit_key
from perdure_audit.records import records

__all__ = ["Position", "filters", "may_be_event"]

Position = Callable[..., ColumnElement[int]]
"""The database's function that returns where bytes contain others, from 1; 0 if they do not."""

_PLACE: Final = re.compile(r"EVENTS\.(\d{1,18})(\.\d+)?", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]+")  # neither JSON nor a header escapes these


def filters(query: AuditRecordsQuery, position: Position) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a query; those of ``event`` let more through than it means, see ``is_about``.

    Args:
        query: The query.
        position: The database's function that returns where bytes contain others, from 1; 0 if they do not.
    """
    row = records.c
    if query.subject is not None:
        yield row.subject.contains(query.subject, autoescape=True)
    if query.stream is not None:
        yield row.stream == query.stream
    for token in query.tokens:
        yield ("." + row.subject + ".").contains(f".{token}.", autoescape=True)
    if query.kinds:
        yield and_(row.stream == "PROGRESS", or_(*map(_has_kind, query.kinds)))
    if query.event is not None:
        yield _may_be_about(query.event, position)
    if query.key is not None:
        key = row.headers[f"ce-{PARTITION_KEY}"].as_string()
        yield and_(row.stream.in_(("COMMANDS", "PROGRESS")), key == header_value(fit_key(query.key)))
    if query.before is not None:
        yield row.position < query.before
    if query.since is not None:
        yield row.said_at >= query.since
    if query.until is not None:
        yield row.said_at < query.until


def _has_kind(kind: str) -> ColumnElement[bool]:
    """Return whether a fact has a kind by its message id, see ``Progress.message_id``."""
    message_id = records.c.headers[MESSAGE_ID].as_string()
    return or_(message_id.endswith(f".{kind}", autoescape=True), message_id.contains(f".{kind}.", autoescape=True))


def _may_be_about(event: str, position: Position) -> ColumnElement[bool]:
    """Return whether a message may be about an event: few others pass, since each is decoded after that."""
    row, text = records.c, json.dumps(event, ensure_ascii=False)
    return or_(
        row.stream == "DLQ",
        and_(row.stream == "EVENTS", may_be_event(event, position)),
        and_(row.stream == "COMMANDS", position(row.body, f'"event":{{"id":{text}'.encode()) > 0),
        and_(row.stream == "VERDICTS", _may_judge(event, position)),
        and_(row.stream == "PROGRESS", position(row.body, f'"event_id":{text}'.encode()) > 0),
    )


def _may_judge(event: str, position: Position) -> ColumnElement[bool]:
    """Return whether a verdict names the event by its id, or by its place without the time."""
    body, beginning = records.c.body, json.dumps(fit_event_id(event), ensure_ascii=False).removesuffix('"')
    ends = ('"', ".") if _PLACE.fullmatch(event) else ('"',)
    return or_(*(position(body, f'"event_id":{beginning}{end}'.encode()) > 0 for end in ends))


def may_be_event(event: str, position: Position) -> ColumnElement[bool]:
    """Return whether a message of EVENTS contains the longest plain part of the id, or has the id by its place."""
    row, part = records.c, max(_PLAIN.findall(event), key=len, default="")
    in_headers = cast(row.headers, String).contains(part, autoescape=True)
    by_place = [] if (place := _PLACE.fullmatch(event)) is None else [row.sequence == int(place[1])]
    return or_(*by_place, in_headers, position(row.body, part.encode()) > 0)

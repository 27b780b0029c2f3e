"""Finds the recorded messages that an erasure means, a bounded part of the record at a time."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.engine import RowMapping

from perdure.bus import RawMessage
from perdure.bus.limits import LARGEST_REPLY
from perdure.contracts import to_token
from perdure.contracts.erasures import Erasable, ErasableQuery, Erasables
from perdure_audit.identifiers import identifiers
from perdure_audit.marks import fit_mark
from perdure_audit.records import records
from perdure_audit.store import Store, record_of

__all__ = ["ErasableRecords"]

_AT_ONCE: Final = 20_000  # positions of one reply: those who ask wait no longer than five seconds
_NEVER: Final = ("ADMIN", "ADVISORIES")

_Position = Callable[..., ColumnElement[int]]
"""The database's function that returns where bytes contain others, from 1; 0 if they do not."""


class ErasableRecords:
    """Answers which messages are about something, without their content.

    Args:
        store: The record.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = func.pg_catalog.position if store.engine.dialect.name == "postgresql" else func.instr

    async def answer(self, request: RawMessage) -> bytes:
        """Answer an ``ErasableQuery`` with ``Erasables``, both in JSON."""
        return (await self.find(ErasableQuery.model_validate_json(request.body))).model_dump_json().encode()

    async def find(self, query: ErasableQuery) -> Erasables:
        """Return the next messages that are meant.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
        """
        row, room = records.c, LARGEST_REPLY
        found: list[Erasable] = []
        async with self._store.engine.connect() as connection:
            newest = (await connection.execute(select(func.max(row.position)))).scalar() or 0
            last = newest if query.place else min(newest, query.after + _AT_ONCE)
            span = (row.position > query.after, row.position <= last, row.stream.not_in(_NEVER), row.leaf.is_not(None))
            wanted = select(records).where(*span, or_(*self._conditions(query))).order_by(row.position)
            async with connection.stream(wanted) as rows:
                async for each in rows.mappings():
                    message = _erasable(each)
                    if query.names and set(query.names).isdisjoint({*message.runs, *message.names, *message.events}):
                        continue
                    room -= len(message.model_dump_json()) + 1
                    if room < 0:
                        return Erasables(messages=tuple(found), more=True, last=found[-1].position)
                    found.append(message)
        return Erasables(messages=tuple(found), more=last < newest, last=last)

    def _conditions(self, query: ErasableQuery) -> Iterator[ColumnElement[bool]]:
        row = records.c
        if query.place is not None:
            stream, sequence = query.place
            yield (row.stream == stream) & (row.sequence == sequence)
        elif query.containing is not None:
            yield from _contain(query.containing, self._position)
        else:
            yield row.stream == "DLQ"  # the original's bytes stand there in base64
            for name in query.names:
                yield from _may_name(name, self._position)


def _contain(text: str, position: _Position) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that headers or body contain a text, in UTF-8 or as JSON escapes it."""
    escaped = {json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
    for form in {text, *escaped}:
        yield position(records.c.body, form.encode()) > 0
        yield cast(records.c.headers, String).contains(form, autoescape=True)


def _may_name(name: str, position: _Position) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that let few messages through which do not name it: each of these is decoded after that."""
    row = records.c
    stream, _, sequence = name.partition(":")
    if stream == "EVENTS" and sequence.isdecimal():
        yield (row.stream == stream) & (row.sequence == int(sequence))
        for end in (",", "}"):
            yield position(row.body, f'"stream_sequence":{sequence}{end}'.encode()) > 0
        return
    yield ("." + row.subject + ".").contains(f".{to_token(name)}.", autoescape=True)
    for ascii_ in (True, False):
        yield position(row.body, json.dumps(name, ensure_ascii=ascii_).encode()) > 0
    yield (row.stream == "EVENTS") & (row.event == fit_mark(name))


def _erasable(row: RowMapping) -> Erasable:
    record, size = record_of(row), len(row["body"])
    about = identifiers(record)
    return Erasable(
        position=record.position,
        leaf=row["leaf"],
        stream=record.stream,
        sequence=record.sequence,
        stored_at=record.stored_at,
        size=size,
        is_erased=record.erased,
        runs=_sorted(about.runs),
        names=_sorted(about.names),
        events=_sorted(about.events),
    )


def _sorted(ids: Sequence[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))

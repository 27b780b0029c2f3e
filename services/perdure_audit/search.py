"""Selects recorded messages through one index, and looks at a bounded number of them for all other conditions."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select, true, union_all

from perdure.bus.envelope import header_value
from perdure.contracts import fit_event_id
from perdure.contracts.audit import AuditRecordsQuery
from perdure.values.flow_key import fit_key
from perdure_audit.marks import fit_mark
from perdure_audit.records import records

__all__ = ["MOST_SEARCHED", "Search", "search"]

MOST_SEARCHED: Final = 5_000
"""Records that one query looks at where its index does not settle all of its conditions."""

_PLACE: Final = re.compile(r"EVENTS\.\d{1,18}", re.ASCII)
_NEEDED: Final = ("position", "said_at", "stream", "subject", "event", "run", "request", "flow_key", "kind")

_Condition = Callable[[Any], ColumnElement[bool]]
"""Makes a condition on the columns of the table, or of a selection of its rows."""


@dataclass(frozen=True, slots=True)
class Search:
    """The statements of a query.

    Attributes:
        positions: Selects the positions of the records that match, in the order of the query.
        end: Selects the position of the last record that is looked at, if there are more; None if the index settles
            all conditions.
    """

    positions: Select[int]
    end: Select[int] | None


def search(query: AuditRecordsQuery, before: datetime | None = None) -> Search:
    """Return the statements of a query.

    The newest are those that their streams stored last. After a position, records come in the order of recording: so
    nobody who follows them misses one that is recorded late.

    Args:
        query: The query.
        before: When the record at the position ``query.before`` was stored, if there is one.
    """
    leading, *others = _indexed(query)
    times = list(_times(query, before))
    if query.after is None:
        selections, others = [[each, *times] for each in leading], [*others, *_unindexed(query)]
    else:
        anyone = [] if leading == [_all] else [_any(leading)]
        selections, others = [[_after(query.after)]], [*anyone, *others, *_unindexed(query), *times]
    others = [_any(it) if isinstance(it, list) else it for it in others]
    bound = MOST_SEARCHED // len(selections) if others else query.limit
    found = _looked_at(selections, bound, is_newest=query.after is None)
    order = _order(found, is_newest=query.after is None)
    positions = select(found.position).order_by(*order)
    return Search(
        positions.where(*(each(found) for each in others)).limit(query.limit),
        positions.offset(bound * len(selections) - 1).limit(1) if others else None,
    )


def _looked_at(selections: Sequence[Sequence[_Condition]], bound: int, *, is_newest: bool) -> Any:
    """Return the columns of the records that are looked at: of each selection, so many."""
    columns = [records.c[name] for name in _NEEDED]
    order = _order(records.c, is_newest=is_newest)
    parts = [
        select(*columns).where(*(each(records.c) for each in conditions)).order_by(*order).limit(bound)
        for conditions in selections
    ]
    if len(parts) == 1:
        return parts[0].subquery().c
    return union_all(*(select(part.subquery()) for part in parts)).subquery().c


def _order(row: Any, *, is_newest: bool) -> list[ColumnElement[Any]]:
    return [row.said_at.desc(), row.position.desc()] if is_newest else [row.position]


def _indexed(query: AuditRecordsQuery) -> list[Any]:
    """Return the alternatives of the condition that leaves the fewest records, and then the other ones'."""
    found: list[list[_Condition]] = []
    if query.event is not None:
        found.append(_event(query.event))
    if query.request is not None:
        found.append([_is("request", fit_mark(query.request))])
    if query.run is not None:
        found.append([_is("run", fit_mark(query.run))])
    if query.key is not None:
        found.append([_is("flow_key", fit_mark(header_value(fit_key(query.key))))])
    if query.kinds:
        found.append([_is("kind", kind) for kind in dict.fromkeys(query.kinds)])
    if query.stream is not None:
        found.append([_is("stream", query.stream)])
    return found or [[_all]]


def _event(event: str) -> list[_Condition]:
    """Return the conditions for an event by its id; a place without a time names an event in any life of its stream."""
    mark = fit_mark(event)
    names = dict.fromkeys((mark, fit_mark(fit_event_id(event))))  # verdicts shorten what is long
    by_place: list[_Condition] = [lambda row: and_(row.event > f"{mark}.", row.event < f"{mark}/")]
    return [*(_is("event", it) for it in names), *(by_place if _PLACE.fullmatch(event) else ())]


def _unindexed(query: AuditRecordsQuery) -> Iterator[_Condition]:
    subject = query.subject
    if subject is not None:
        yield lambda row: row.subject.contains(subject, autoescape=True)
    for token in query.tokens:
        yield _has_token(token)


def _times(query: AuditRecordsQuery, before: datetime | None) -> Iterator[_Condition]:
    if query.since is not None:
        yield lambda row: row.said_at >= query.since
    if query.until is not None:
        yield lambda row: row.said_at < query.until
    if query.before is not None:
        if before is not None:
            yield lambda row: row.said_at <= before
            yield lambda row: or_(row.said_at < before, row.position < query.before)
        else:
            yield lambda row: row.position < query.before


def _has_token(token: str) -> _Condition:
    return lambda row: ("." + row.subject + ".").contains(f".{token}.", autoescape=True)


def _is(name: str, value: str) -> _Condition:
    return lambda row: getattr(row, name) == value


def _after(position: int) -> _Condition:
    return lambda row: row.position > position


def _any(alternatives: Sequence[_Condition]) -> _Condition:
    return lambda row: or_(*(each(row) for each in alternatives))


def _all(_: Any) -> ColumnElement[bool]:
    return true()

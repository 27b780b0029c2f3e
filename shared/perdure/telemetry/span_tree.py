"""Reads the spans of a trace from the span files of all services and builds its tree."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["MISSING_PARENT", "SpanLink", "SpanNode", "build_tree", "find_traces", "read_spans"]

MISSING_PARENT: Final = "(missing parent)"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final[tuple[Literal["unset", "ok", "error"], ...]] = ("unset", "ok", "error")  # by their number in OTLP


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link to another span, mostly of another trace."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class SpanNode:
    """A span and its child spans.

    Attributes:
        parent_id: Empty for a root.
        message: The error, if the status is ``error``.
        children: In start order.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    start: datetime
    end: datetime
    status: Literal["unset", "ok", "error"] = "unset"
    message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[SpanLink, ...] = ()
    children: tuple["SpanNode", ...] = ()

    @property
    def duration(self) -> timedelta:
        """The time from start to end."""
        return self.end - self.start


def read_spans(folder: Path, trace_id: str) -> list[SpanNode]:
    """Return the spans of a trace from all files of a folder, each once, without children."""
    spans = {span.span_id: span for span in _spans(folder, containing=trace_id) if span.trace_id == trace_id}
    return list(spans.values())


def find_traces(folder: Path, attribute: str, value: str | float) -> list[str]:
    """Return the ids of traces with a span whose attribute has this value, newest first."""
    newest: dict[str, datetime] = {}
    for span in _spans(folder, containing=attribute):
        if span.attributes.get(attribute) == value:
            newest[span.trace_id] = max(span.start, newest.get(span.trace_id, span.start))
    return sorted(newest, key=newest.__getitem__, reverse=True)


def build_tree(spans: Sequence[SpanNode]) -> tuple[SpanNode, ...]:
    """Attach the spans of a trace to their parents and return the roots in start order.

    A parent is missing while its span has not ended (a run's span is exported when the run ends), or if its process
    was killed. Its children then get a root named ``MISSING_PARENT`` with the parent's id.
    """
    known = {span.span_id for span in spans}
    by_parent = defaultdict[str, list[SpanNode]](list)
    for span in sorted(spans, key=attrgetter("start", "span_id")):
        by_parent[span.parent_id].append(span)
    missing = [_missing_parent(children) for parent, children in by_parent.items() if parent and parent not in known]
    return _attach_children(sorted([*by_parent[""], *missing], key=attrgetter("start", "span_id")), by_parent)


def _missing_parent(children: Sequence[SpanNode]) -> SpanNode:
    first = children[0]
    end = max(child.end for child in children)
    return SpanNode(first.trace_id, first.parent_id, "", MISSING_PARENT, "", first.start, end)


def _attach_children(roots: Sequence[SpanNode], by_parent: Mapping[str, Sequence[SpanNode]]) -> tuple[SpanNode, ...]:
    breadth_first = list(roots)  # not recursive: a chain of events may be deeper than Python's stack
    for span in breadth_first:
        breadth_first.extend(by_parent.get(span.span_id, ()))
    built: dict[str, SpanNode] = {}
    for span in reversed(breadth_first):
        children = tuple(built[child.span_id] for child in by_parent.get(span.span_id, ()))
        built[span.span_id] = replace(span, children=children)
    return tuple(built[root.span_id] for root in roots)


def _spans(folder: Path, *, containing: str) -> Iterator[SpanNode]:
    """Decode every line that contains a string; current files first, as they may be rotated meanwhile."""
    for path in (*sorted(folder.glob("*.jsonl")), *sorted(folder.glob("*.jsonl.1"))):
        with path.open("rb") as lines:
            for line in lines:
                if containing.encode() in line:
                    yield from _decode(line)


def _decode(line: bytes) -> Iterator[SpanNode]:
    try:
        request = json.loads(line)
    except ValueError:  # the partial last line of a killed process
        return
    for resource in request.get("resourceSpans", ()):
        service = str(_attributes(resource.get("resource", {})).get("service.name", ""))
        for scope in resource.get("scopeSpans", ()):
            yield from (_span(span, service) for span in scope.get("spans", ()))


def _span(span: Mapping[str, Any], service: str) -> SpanNode:
    status = span.get("status", {})
    return SpanNode(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        name=span.get("name", ""),
        service=service,
        start=_time(span["startTimeUnixNano"]),
        end=_time(span["endTimeUnixNano"]),
        status=_STATUSES[status.get("code", 0)],
        message=status.get("message", ""),
        attributes=_attributes(span),
        links=tuple(SpanLink(link["traceId"], link["spanId"]) for link in span.get("links", ())),
    )


def _time(nanoseconds: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)


def _attributes(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {each["key"]: _value(each.get("value", {})) for each in owner.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> Any:
    match value:
        case {"intValue": number}:
            return int(number)
        case {"doubleValue": number}:
            return float(number)  # may be a string: JSON has "NaN" and "Infinity" as strings
        case {"arrayValue": array}:
            return tuple(_value(each) for each in array.get("values", ()))
        case {"kvlistValue": pairs}:
            return {each["key"]: _value(each.get("value", {})) for each in pairs.get("values", ())}
        case _:
            return next(iter(value.values()), None)

"""The ids of runs that routes start without a `workflow_id` of their own, and of events that carry no id."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

__all__ = [
    "BARE_SOURCE",
    "SEPARATOR",
    "default_run_id",
    "fit_run_id",
    "former_run_id",
    "place_of",
    "rerun_id",
    "source_mark",
]

SEPARATOR: Final = "~"
"""Stands between the parts of a default run id. No route's name holds it, and no value of an event may bring it in."""

BARE_SOURCE: Final = "nats"
"""The source of bare events, which name none."""

_LONGEST_ID: Final = 200  # characters; Temporal's own limit is 1000 bytes (`limit.maxIDLength`)
_MARK_DIGITS: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def default_run_id(route: str, event_id: str, source: str) -> str:
    """Return the id of the run that a route starts for an event, of bounded length.

    It is ``<route>~<event id>~<mark of the source>``; the mark of bare events is left out where the id holds no ``~``.
    So two events have the same id only if route, event id and mark are the same.
    """
    if source == BARE_SOURCE and SEPARATOR not in event_id:
        return fit_run_id(f"{route}{SEPARATOR}{event_id}")
    return fit_run_id(SEPARATOR.join((route, event_id, source_mark(source))))


def source_mark(source: str) -> str:
    """Return the first eight hex digits of the SHA-256 of a CloudEvents source."""
    return sha256(source.encode(errors="surrogatepass")).hexdigest()[:_MARK_DIGITS]


def former_run_id(route: str, event_id: str) -> str:
    """Return the id that 0.1 gave the run: ``<route>-<event id>``, of bounded length."""
    return fit_run_id(f"{route}-{event_id}")


def rerun_id(workflow_id: str, act: str) -> str:
    """Return the id of the run that repeats a run, of bounded length: one for each run and act."""
    digest = sha256(f"{workflow_id}{SEPARATOR}{act}".encode()).hexdigest()[:_MARK_DIGITS]
    return fit_run_id(f"{workflow_id}{SEPARATOR}rerun-{digest}")


def fit_run_id(text: str) -> str:
    """Return an id of at most 200 characters: a longer text is cut, and its SHA-256 appended."""
    if len(text) <= _LONGEST_ID:
        return text
    return f"{text[: _LONGEST_ID - 65]}-{sha256(text.encode()).hexdigest()}"


def place_of(stream: str, sequence: int, stored_at: datetime | None) -> str:
    """Return what names one message for ever: ``<stream>.<sequence>.<stored_at>``.

    It is the id of an event that carries none. A stream that is made anew counts from 1 again.

    Args:
        stream: The stream that holds it.
        sequence: Its sequence there.
        stored_at: When NATS stored it, to a microsecond; the name has nanoseconds since 1970 (UTC). None: 0.1 left the
            time out.
    """
    place = f"{stream}.{sequence}"
    return place if stored_at is None else f"{place}.{(stored_at - _EPOCH) // _MICROSECOND * 1000}"

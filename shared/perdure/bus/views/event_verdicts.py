"""Read model of the verdicts on one event: the last word of each route."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, decode, header
from perdure.bus.events import PREFIX
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.contracts import EventVerdict, RouteVerdict, last_words, verdict_subject
from perdure.errors import InvalidMessage

__all__ = ["RouteVerdicts", "event_verdicts", "verdict_messages"]

Found = tuple[StoredMessage, EventVerdict]

_SKEW: Final = timedelta(seconds=1)  # between the clocks of the servers that lead two streams
_BACKFILLS: Final = "admin.backfill.*"
_SEARCHED: Final = 4_096  # messages of VERDICTS after an event, by their headers: whoever waits asks again and again


@dataclass(frozen=True, slots=True)
class RouteVerdicts:
    """The verdicts on one event by now.

    Attributes:
        routes: The last word of each route, in the order of the routes.
        is_whole: Whether it lists every route that names the event's type; not if one has opted out, or if no verdict
            is stored yet.
        is_refused: Whether ingest refused the event, and no backfill took it since.
        stored_at: When the newest of them was stored (UTC).
    """

    routes: tuple[RouteVerdict, ...] = ()
    is_whole: bool = False
    is_refused: bool = False
    stored_at: datetime | None = None


async def event_verdicts(bus: ReadableStreams, message: StoredMessage) -> RouteVerdicts:
    """Return the verdicts on a stored event, as far as they are among the next 4,096 on events of its type.

    Raises:
        Unavailable: NATS does not answer.
    """
    messages = await verdict_messages(bus, message)
    found = [verdict for _, verdict in messages]
    first = [verdict for verdict in found if not verdict.change]
    routes = _last_words(found)
    return RouteVerdicts(
        routes,
        is_whole=bool(first) and not any(it.unreported for it in first),
        is_refused=any(it.refused for it in first) and not any(it.backfill for it in routes),
        stored_at=messages[-1][0].stored_at if messages else None,
    )


async def verdict_messages(bus: ReadableStreams, message: StoredMessage) -> list[Found]:
    """Return the verdicts on a stored event with the messages that hold them, in order of storage.

    They are as complete as those of ``event_verdicts``.

    Raises:
        Unavailable: NATS does not answer.
    """
    subject = verdict_subject(message.raw.subject.removeprefix(PREFIX))
    oldest = await bus.first_since(subject, message.stored_at - _SKEW)
    if oldest is None:
        return []
    found: list[Found] = []
    backfill = await bus.last(_BACKFILLS)
    may_be_backfilled = backfill is not None and backfill.stored_at > message.stored_at - _SKEW
    end = oldest.sequence + _SEARCHED
    async with aclosing(bus.read_range(subject, first=oldest.sequence, last=end, bodies=False)) as stored:
        async for it in stored:
            if not _may_be_about(it, message.sequence):
                continue
            verdict = await _verdict(bus, it.sequence)
            if verdict is not None and verdict.stream_sequence == message.sequence:
                found.append((it, verdict))
            if not may_be_backfilled and _is_final([known for _, known in found]):
                break
    return found


def _is_final(found: Sequence[EventVerdict]) -> bool:
    is_first_known = any(not verdict.change for verdict in found)
    return is_first_known and all(route.verdict != "held" for route in _last_words(found))


def _last_words(verdicts: Iterable[EventVerdict]) -> tuple[RouteVerdict, ...]:
    return last_words(route for verdict in verdicts for route in verdict.routes)


def _may_be_about(stored: StoredMessage, sequence: int) -> bool:
    """Return whether a message, read without its body, may be a verdict on the event of this place."""
    message_id = header(stored.raw.headers, MESSAGE_ID)
    return message_id is None or message_id.startswith(f"{sequence}.")


async def _verdict(bus: ReadableStreams, sequence: int) -> EventVerdict | None:
    stored = await bus.get("VERDICTS", sequence)
    try:
        found = None if stored is None else decode(stored.raw)
    except InvalidMessage:
        return None
    return found if isinstance(found, EventVerdict) else None

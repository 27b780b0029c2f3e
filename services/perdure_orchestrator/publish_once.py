"""Publishes what may be stored already: JetStream compares message ids within its duplicate window only."""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from perdure.bus import Bus
from perdure.bus.envelope import MESSAGE_ID, header, header_value
from perdure.bus.topology import stream_of
from perdure.contracts import Message

__all__ = ["publish_once", "tried_since"]

_SKEW: Final = timedelta(hours=1)  # between the clocks of Temporal, this host and NATS


async def publish_once(bus: Bus, message: Message, *, tried_since: datetime) -> None:
    """Publish a message, unless an earlier attempt has stored it.

    Args:
        bus: The bus.
        message: The message. Few others share its subject, as with all that is about one run or request.
        tried_since: When the first attempt may have begun (UTC); the stream is read only if that is long ago.

    Raises:
        InvalidMessage: As in ``Bus.publish_raw``.
        Unavailable: NATS does not answer.
    """
    age = datetime.now(UTC) - tried_since  # negative if this clock is behind that of Temporal: then nothing is known
    recent = timedelta() <= age < stream_of(message.subject).duplicate_window / 2
    if recent or not await _is_stored(bus, message, tried_since):
        await bus.publish(message)


def tried_since() -> datetime:
    """Return when the first attempt of the activity may have begun to publish (UTC)."""
    info = activity.info()
    return datetime.now(UTC) if info.attempt == 1 else info.scheduled_time


async def _is_stored(bus: Bus, message: Message, since: datetime) -> bool:
    wanted, stored = header_value(message.message_id), await bus.first_since(message.subject, since - _SKEW)
    while stored is not None:
        if header(stored.raw.headers, MESSAGE_ID) == wanted:
            return True
        stored = await bus.first(message.subject, after=stored.sequence)
    return False

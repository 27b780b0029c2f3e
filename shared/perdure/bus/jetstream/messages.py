"""Converts nats-py's messages to those of the port."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg

from perdure.bus.envelope import RawMessage
from perdure.bus.port import StoredMessage

__all__ = ["delivered_message", "found_message", "received_message"]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_REPLY: Final = 9  # tokens: $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivery>.<time>.<pending>


def delivered_message(message: Msg) -> StoredMessage:
    """Convert a message that a consumer delivered."""
    metadata = message.metadata
    return StoredMessage(
        raw=received_message(message),
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        stored_at=_stored_at(message),
        pending=metadata.num_pending,
    )


def _stored_at(message: Msg) -> datetime:
    """Return when the server stored a message: whole microseconds, as of a message that was got from its stream.

    nats-py computes with a float, which rounds; whoever compares the two would see two times.
    """
    tokens = message.reply.split(".")
    nanoseconds = int(tokens[7] if len(tokens) == _SHORT_REPLY else tokens[9])
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def found_message(stream: str, found: RawStreamMsg) -> StoredMessage:
    """Convert a message that was got from a stream without a consumer.

    nats-py reads its headers as those of a mail, with objects for values that are not ASCII; here they are read as
    those of a delivered message.
    """
    _, _, lines = b64decode(found.hdrs or b"").partition(b"\r\n")
    raw = RawMessage(found.subject or "", found.data or b"", Client._parse_header_lines(lines))  # noqa: SLF001 (its own)
    return StoredMessage(raw, stream, found.seq or 0, found.time or datetime.now(UTC), pending=0)


def received_message(message: Msg) -> RawMessage:
    """Return subject, body and headers of a message that a subscription received."""
    return RawMessage(message.subject, message.data, message.headers or {})

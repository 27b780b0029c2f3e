"""Messages become CloudEvents 1.0 in NATS binary mode, and back.

Source: CloudEvents NATS protocol binding 1.0, section 3.1: attributes travel as ``ce-`` headers whose values are
percent-encoded as in the HTTP binding (section 3.1.3.2), the body is the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from opentelemetry import propagate
from pydantic import TypeAdapter, ValidationError

from perdure.contracts import AnyMessage, Message
from perdure.errors import InvalidMessage

__all__ = [
    "MESSAGE_ID",
    "SPEC_VERSION",
    "RawMessage",
    "attribute",
    "decode",
    "describe_errors",
    "encode",
    "header_value",
]

SPEC_VERSION: Final = "1.0"
MESSAGE_ID: Final = "Nats-Msg-Id"

_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')

_MESSAGES: Final[TypeAdapter[Message]] = TypeAdapter(AnyMessage)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """What NATS carries: a subject, headers and bytes."""

    subject: str
    body: bytes
    headers: Mapping[str, str]


def encode(message: Message, *, source: str, at: datetime | None = None) -> RawMessage:
    """Write a message as it goes over the wire, with the current trace context.

    Args:
        message: What to say.
        source: Which service says it, e.g. ``perdure/ingest``.
        at: When it is said; now, unless told.
    """
    headers = {
        MESSAGE_ID: header_value(message.message_id),
        "content-type": "application/json",
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(message.message_id),
        "ce-type": message.type,
        "ce-source": header_value(source),
        "ce-time": (at or datetime.now(UTC)).isoformat(),
    }
    if len(message.address) > 1:
        headers["ce-subject"] = header_value(message.address[-1])
    propagate.inject(headers)
    return RawMessage(message.subject, message.model_dump_json().encode(), headers)


def decode(wire: RawMessage) -> Message:
    """Read a message of Perdure's own.

    Raises:
        InvalidMessage: It is none; the detail names the field.
    """
    try:
        return _MESSAGES.validate_json(wire.body)
    except ValidationError as error:
        raise InvalidMessage("bad_message", describe_errors(error)) from error


def header_value(text: str) -> str:
    """Percent-encode a header's value as CloudEvents demands: printable ASCII stays, all else is UTF-8 in hex."""
    return quote(text, safe=_PRINTABLE)


def attribute(headers: Mapping[str, str], name: str) -> str | None:
    """Return a CloudEvents attribute; header names are compared without case."""
    wanted = f"ce-{name}"
    return next((unquote(value) for key, value in headers.items() if key.lower() == wanted), None)


def describe_errors(error: ValidationError) -> str:
    """Say in one line which fields are wrong and why."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}" for problem in error.errors()[:5]
    )

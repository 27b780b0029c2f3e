"""Encodes messages as CloudEvents 1.0 in NATS binary mode, and decodes them.

Source: CloudEvents NATS protocol binding 1.0, section 3.1: attributes travel as ``ce-`` headers whose values are
percent-encoded as in the HTTP binding (section 3.1.3.2), the body is the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from opentelemetry import propagate
from pydantic import TypeAdapter, ValidationError

from perdure.contracts import AnyMessage, Message
from perdure.contracts.version import schema_id
from perdure.errors import InvalidMessage

__all__ = [
    "JSON",
    "MESSAGE_ID",
    "PARTITION_KEY",
    "RUN",
    "SPEC_VERSION",
    "RawMessage",
    "attribute",
    "decode",
    "describe_errors",
    "encode",
    "header",
    "header_value",
    "held_run",
]

SPEC_VERSION: Final = "1.0"
MESSAGE_ID: Final = "Nats-Msg-Id"
PARTITION_KEY: Final = "partitionkey"
"""A CloudEvents attribute. Source: CloudEvents, extension Partitioning."""
RUN: Final = "Perdure-Workflow-Id"
"""A header of a start that flow control holds: its run, for whoever reads no bodies."""
JSON: Final = "application/json"
"""The attribute ``datacontenttype``. It is written as ``content-type`` too, which older readers look at."""

_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')

_MESSAGES: Final[TypeAdapter[Message]] = TypeAdapter(AnyMessage)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A NATS message: subject, body and headers."""

    subject: str
    body: bytes
    headers: Mapping[str, str]


def encode(message: Message, *, source: str) -> RawMessage:
    """Encode a message, with the current trace context in its headers; all else is the same in every resend.

    Args:
        message: The message to encode.
        source: The publishing service, e.g. ``perdure/ingest``.
    """
    headers = {
        MESSAGE_ID: header_value(message.message_id),
        "content-type": JSON,
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(message.message_id),
        "ce-type": message.type,
        "ce-source": header_value(source),
        "ce-datacontenttype": JSON,
        "ce-dataschema": schema_id(message.type),
    }
    if message.occurred_at is not None:
        headers["ce-time"] = message.occurred_at.isoformat()
    if len(message.address) > 1:
        headers["ce-subject"] = header_value(message.address[-1])
    if message.partition_key is not None:
        headers[f"ce-{PARTITION_KEY}"] = header_value(message.partition_key)
    propagate.inject(headers)
    return RawMessage(message.subject, message.model_dump_json().encode(), headers)


def decode(raw: RawMessage) -> Message:
    """Decode a message of Perdure's contracts.

    NATS permits subjects: so a body counts only on the subject that its own ids make.

    Raises:
        InvalidMessage: The body is no such message, or belongs on another subject; the detail says which.
    """
    try:
        message = _MESSAGES.validate_json(raw.body)
    except ValidationError as error:
        raise InvalidMessage("bad_message", describe_errors(error)) from error
    if message.subject != raw.subject:
        raise InvalidMessage("bad_envelope", f"The body belongs on {message.subject}, not on {raw.subject}.")
    return message


def header_value(text: str) -> str:
    """Percent-encode a header value as CloudEvents requires: all but printable ASCII becomes UTF-8 in hex."""
    return quote(text, safe=_PRINTABLE)


def attribute(headers: Mapping[str, str], name: str) -> str | None:
    """Return a CloudEvents attribute, decoded, or None.

    Raises:
        InvalidMessage: Its percent-encoded bytes are no UTF-8, which section 3.1.3.2 of the binding forbids to accept.
    """
    value = header(headers, f"ce-{name}")
    try:
        return None if value is None else unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidMessage("bad_envelope", f"ce-{name}: its percent-encoded bytes are no UTF-8.") from error


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's value, or None; header names are case-insensitive."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


def held_run(headers: Mapping[str, str]) -> str | None:
    """Return the workflow id of a start that flow control holds; None if an older version has stored it."""
    value = header(headers, RUN)
    return None if value is None else unquote(value)


def describe_errors(error: ValidationError) -> str:
    """Describe in one line which fields are invalid and why; at most five."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}" for problem in error.errors()[:5]
    )

"""Turns a message that a service gave up on into one that is handled again: the same event under a new message id."""

import re
from collections.abc import Mapping
from typing import Final

from perdure.bus.envelope import JSON, MESSAGE_ID, SPEC_VERSION, RawMessage, header, header_value
from perdure.bus.event_mode import mode_of
from perdure.bus.events import PREFIX
from perdure.values.run_id import BARE_SOURCE

__all__ = ["is_resent", "resend_number", "resent"]

_NUMBER: Final = "Perdure-Resend"
_RESENT: Final = "replay."  # begins the message ids of what is sent again
_JETSTREAM_HEADERS: Final = "nats-"  # their prefix; they belong to the first publication, not to this one


def resent(original: RawMessage, *, place: str, number: int) -> RawMessage:
    """Return the message to publish on the original subject.

    Args:
        original: The message that a service gave up on.
        place: Its place, which is the id of an event that carries none.
        number: Sequence of the dead letter in the DLQ. The message id is made of it, so that a second resend within
            the duplicate window stores nothing; JetStream knows the ids of what comes of an event only without it.
    """
    subject = original.subject
    kept = {name: value for name, value in original.headers.items() if not name.lower().startswith(_JETSTREAM_HEADERS)}
    if subject.startswith(PREFIX):
        kept = _event_identity(original, place) | kept | {_NUMBER: str(number)}
    return RawMessage(subject, original.body, kept | {MESSAGE_ID: f"{_RESENT}{number}"})


def is_resent(message: RawMessage) -> bool:
    """Return whether a message was sent again by hand."""
    return (header(message.headers, MESSAGE_ID) or "").startswith(_RESENT)


def resend_number(headers: Mapping[str, str]) -> int | None:
    """Return the number of the dead letter as which an event was sent again; None if it was not."""
    number = header(headers, _NUMBER) or ""
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else None


def _event_identity(original: RawMessage, place: str) -> dict[str, str]:
    """Return headers with the event id of a bare event; empty for the CloudEvents modes, which carry their own."""
    if mode_of(original) != "bare":
        return {}
    message_id = header(original.headers, MESSAGE_ID)
    return {
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(message_id or place),
        "ce-type": header_value(original.subject.removeprefix(PREFIX)),
        "ce-source": BARE_SOURCE,
        "ce-datacontenttype": JSON,
    }

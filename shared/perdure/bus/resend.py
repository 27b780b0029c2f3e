"""Turns a dead letter back into the message that it was: the same event under a new message id."""

from typing import Final

from perdure.bus.envelope import JSON, MESSAGE_ID, SPEC_VERSION, RawMessage, header, header_value
from perdure.bus.event_mode import mode_of
from perdure.bus.events import PREFIX
from perdure.contracts import DeadLetter
from perdure.values.run_id import BARE_SOURCE

__all__ = ["resent"]

_JETSTREAM_HEADERS: Final = "nats-"  # their prefix; they belong to the first publication, not to this one


def resent(dead_letter: DeadLetter, original: RawMessage, *, place: int) -> RawMessage:
    """Return the message to publish on the original subject.

    Args:
        dead_letter: The dead letter.
        original: The message that it was.
        place: Sequence of the dead letter in the DLQ. The message id is made of it, so that a second resend within
            the duplicate window stores nothing.
    """
    subject = original.subject
    kept = {name: value for name, value in original.headers.items() if not name.lower().startswith(_JETSTREAM_HEADERS)}
    if subject.startswith(PREFIX):
        kept = _event_identity(dead_letter, original) | kept
    return RawMessage(subject, original.body, kept | {MESSAGE_ID: f"replay.{place}"})


def _event_identity(dead_letter: DeadLetter, original: RawMessage) -> dict[str, str]:
    """Return headers with the event id of a bare event; empty for the CloudEvents modes, which carry their own."""
    if mode_of(original) != "bare":
        return {}
    message_id = header(original.headers, MESSAGE_ID)
    return {
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(message_id or dead_letter.place),
        "ce-type": header_value(original.subject.removeprefix(PREFIX)),
        "ce-source": BARE_SOURCE,
        "ce-datacontenttype": JSON,
    }

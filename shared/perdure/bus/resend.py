"""A dead letter goes back to where it was said: under a message id of its own, but as the same event."""

from typing import Final

from perdure.bus.envelope import MESSAGE_ID, SPEC_VERSION, RawMessage, attribute, header_value
from perdure.bus.events import PREFIX, STRUCTURED
from perdure.contracts import DeadLetter

__all__ = ["resent"]

_OF_THE_LAST_HOP: Final = ("nats-",)  # JetStream's own headers: of the publication that failed, not of this one


def resent(letter: DeadLetter, body: bytes, *, place: int) -> RawMessage:
    """Return what to publish.

    Args:
        letter: The dead letter.
        body: The original bytes.
        place: Where the letter lies in the DLQ: it makes the message id, so that a replay repeated at once is one.
    """
    headers = {name: value for name, value in letter.headers.items() if not name.lower().startswith(_OF_THE_LAST_HOP)}
    if letter.original_subject.startswith(PREFIX):
        headers = _identity(letter) | headers
    return RawMessage(letter.original_subject, body, headers | {MESSAGE_ID: f"replay.{place}"})


def _identity(letter: DeadLetter) -> dict[str, str]:
    """Spell out the id that a bare event had by its message id or its place; other modes carry theirs."""
    content_type = next((value for name, value in letter.headers.items() if name.lower() == "content-type"), "")
    if attribute(letter.headers, "specversion") is not None or content_type.lower().startswith(STRUCTURED):
        return {}
    named = next((value for name, value in letter.headers.items() if name.lower() == MESSAGE_ID.lower()), None)
    return {
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(named or f"{letter.stream}.{letter.stream_sequence}"),
        "ce-type": header_value(letter.original_subject.removeprefix(PREFIX)),
        "ce-source": "nats",
    }

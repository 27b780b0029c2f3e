"""The entry of what the audit recorded: of a message, or of a gap that it declared in the record itself."""

import json
from typing import Final

from perdure.ledger.entries import gap_entry, message_entry
from perdure.ledger.kept import Kept

__all__ = ["GAP", "gap_body", "record_entry"]

GAP: Final = "perdure.audit.gap"
"""Subject of a record that declares a gap: at the place of its first lost message. No stream stores this subject."""

_REASON: Final = "removed from the stream before the audit received them"


def gap_body(stream: str, first: int, last: int) -> bytes:
    """Return the body of the record of a gap, both ends included."""
    return json.dumps({"stream": stream, "first": first, "last": last}).encode()


def record_entry(kept: Kept) -> bytes:
    """Return the entry of a record, whose body was not erased.

    A gap was found when the stream stored the message that came after it.
    """
    if kept.subject == GAP and (last := _last(kept.stream, kept.sequence, kept.body or b"")) is not None:
        return gap_entry(stream=kept.stream, first=kept.sequence, last=last, found_at=kept.stored_at, reason=_REASON)
    return message_entry(kept)


def _last(stream: str, first: int, body: bytes) -> int | None:
    """Return the end of the gap that a body declares; None if it is not the body of one at this place."""
    try:
        last = json.loads(body)["last"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return last if type(last) is int and last >= first and body == gap_body(stream, first, last) else None

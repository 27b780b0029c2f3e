"""The entry of what the audit recorded: of a message, or of a gap that it declared in the record itself."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from perdure.ledger.entries import gap_entry, message_entry

__all__ = ["GAP", "gap_body", "record_entry"]

GAP: Final = "perdure.audit.gap"
"""Subject of a record that declares a gap: at the place of its first lost message. No stream stores this subject."""

_REASON: Final = "removed from the stream before the audit received them"


def gap_body(stream: str, first: int, last: int) -> bytes:
    """Return the body of the record of a gap, both ends included."""
    return json.dumps({"stream": stream, "first": first, "last": last}).encode()


def record_entry(  # noqa: PLR0913 (the facts of a message)
    *,
    stream: str,
    sequence: int,
    stored_at: datetime,
    subject: str,
    headers: Mapping[str, str],
    body: bytes,
    salt: bytes,
) -> bytes:
    """Return the entry of a record; arguments as in ``message_entry``.

    A gap was found when the stream stored the message that came after it.
    """
    if subject == GAP and (last := _last(stream, sequence, body)) is not None:
        return gap_entry(stream=stream, first=sequence, last=last, found_at=stored_at, reason=_REASON)
    return message_entry(
        stream=stream,
        sequence=sequence,
        stored_at=stored_at,
        subject=subject,
        headers=headers,
        body=body,
        salt=salt,
    )


def _last(stream: str, first: int, body: bytes) -> int | None:
    """Return the end of the gap that a body declares; None if it is not the body of one at this place."""
    try:
        last = json.loads(body)["last"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return last if type(last) is int and last >= first and body == gap_body(stream, first, last) else None

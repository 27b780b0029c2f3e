"""The entry of what the audit recorded: of a message, of a gap that it declared, or of a new key of the ledger."""

import json
from typing import Final

from perdure.ledger.entries import gap_entry, key_entry, message_entry
from perdure.ledger.kept import Kept

__all__ = ["GAP", "KEY", "OWN", "gap_body", "key_body", "record_entry"]

GAP: Final = "perdure.audit.gap"
"""Subject of a record that declares a gap: at the place of its first lost message. No stream stores this subject."""

KEY: Final = "perdure.audit.key"
"""Subject of a record of a new key of the ledger; see ``key_chain``. No stream stores this subject either."""

OWN: Final = frozenset({GAP, KEY})
"""Subjects of the audit's own records, which are of no message."""

_REASON: Final = "removed from the stream before the audit received them"


def gap_body(stream: str, first: int, last: int) -> bytes:
    """Return the body of the record of a gap, both ends included."""
    return json.dumps({"stream": stream, "first": first, "last": last}).encode()


def key_body(verifier: str, statement: str) -> bytes:
    """Return the body of the record of a new key (a `vkey`), with the statement that both keys signed."""
    return json.dumps({"key": verifier, "statement": statement}).encode()


def record_entry(kept: Kept) -> bytes:
    """Return the entry of a record, whose body was not erased.

    A gap was found when the stream stored the message that came after it.
    """
    if kept.subject == GAP and (last := _last(kept.stream, kept.sequence, kept.body or b"")) is not None:
        return gap_entry(stream=kept.stream, first=kept.sequence, last=last, found_at=kept.stored_at, reason=_REASON)
    if kept.subject == KEY and (change := _change(kept.body or b"")) is not None:
        return key_entry(verifier=change[0], statement=change[1])
    return message_entry(kept)


def _last(stream: str, first: int, body: bytes) -> int | None:
    """Return the end of the gap that a body declares; None if it is not the body of one at this place."""
    try:
        last = json.loads(body)["last"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return last if type(last) is int and last >= first and body == gap_body(stream, first, last) else None


def _change(body: bytes) -> tuple[str, str] | None:
    """Return the new key and its statement; None if the body is not that of the record of a new key."""
    try:
        content = json.loads(body)
        verifier, statement = str(content["key"]), str(content["statement"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (verifier, statement) if body == key_body(verifier, statement) else None

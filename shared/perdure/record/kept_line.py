"""What is kept of a message as a line of JSON; a message whose body was erased has null in its place."""

import json
from base64 import b64encode
from binascii import a2b_base64
from datetime import UTC, datetime
from typing import Any, Final

from perdure.ledger import Kept

__all__ = ["read_kept_line", "write_kept_line"]

_STRINGS: Final = frozenset({str})


def write_kept_line(leaf: int, kept: Kept) -> bytes:
    """Return the line of a leaf's message, with its newline."""
    line = {
        "leaf": leaf,
        "stream": kept.stream,
        "sequence": kept.sequence,
        "stored_at": kept.stored_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "subject": kept.subject,
        "headers": dict(kept.headers),
        "body": None if kept.body is None else b64encode(kept.body).decode(),
        "salt": None if kept.body is None else b64encode(kept.salt).decode(),
    }
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def read_kept_line(line: bytes) -> tuple[int, Kept]:
    """Return the index of a leaf, and what is kept of its message.

    Raises:
        ValueError: It is no such line.
    """
    try:
        read: dict[str, Any] = json.loads(line.decode())
        stored_at = datetime.fromisoformat(read["stored_at"])
        if stored_at.tzinfo is None or not _is_typed(read):
            raise ValueError("a time without zone, or a member of another type")
        body, salt = read["body"], read["salt"]
        return read["leaf"], Kept(
            read["stream"],
            read["sequence"],
            stored_at,
            read["subject"],
            read["headers"],
            None if body is None else a2b_base64(body),
            b"" if salt is None else a2b_base64(salt),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("The line is none of a kept message.") from error


def _is_typed(read: dict[str, Any]) -> bool:
    headers = read["headers"]
    return (
        type(read["leaf"]) is type(read["sequence"]) is int
        and type(read["stream"]) is type(read["subject"]) is str
        and type(headers) is dict
        and _STRINGS.issuperset(map(type, headers.values()))
    )

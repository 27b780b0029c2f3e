"""What a leaf of the ledger is: canonical JSON (RFC 8785) of a message's place and digest, of a gap or of a new key.

The body itself is not in it, only a digest with a salt: who erases body and salt leaves a leaf that tells nothing of
either, and the tree as it was.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as _quoted  # escapes as RFC 8785 does, in C
from typing import Final

import rfc8785

from perdure.ledger.kept import Kept

__all__ = ["LARGEST", "SALT", "VERSION", "gap_entry", "key_entry", "message_entry", "shown_headers"]

VERSION: Final = 1
LARGEST: Final = 65_535
"""Bytes of an entry: its length is a uint16 in a bundle of tlog-tiles."""
SALT: Final = 32
"""Bytes of a salt."""
_LONGEST: Final = 256  # characters of a header's value that stands in a leaf
_PLAIN: Final = frozenset(
    {
        "ce-datacontenttype", "ce-dataschema", "ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type",
        "content-type", "nats-msg-id", "traceparent",
    }
)  # fmt: skip


def message_entry(kept: Kept) -> bytes:
    """Return the entry of a stored message, whose body was not erased."""
    body = kept.body or b""
    shown, rest = _parted(kept.headers)
    shown.sort()
    members = ",".join([f"{_quoted(name)}:{_quoted(value)}" for name, value in shown])
    others = f'"{_headers_digest(rest, kept.salt)}"' if rest else "null"
    return (
        f'{{"body_digest":"{sha256(kept.salt + body).hexdigest()}","headers":{{{members}}},"other_headers":{others}'
        f',"sequence":{kept.sequence},"size":{len(body)},"stored_at":"{_instant(kept.stored_at)}"'
        f',"stream":{_quoted(kept.stream)},"subject":{_quoted(_text(kept.subject))},"v":{VERSION}}}'
    ).encode()


def gap_entry(*, stream: str, first: int, last: int, found_at: datetime, reason: str) -> bytes:
    """Return the entry that declares messages of a stream, both ends included, lost before they could be recorded."""
    gap: dict[str, str | int] = {"first": first, "last": last, "reason": _text(reason[:_LONGEST])}
    return rfc8785.dumps({"v": VERSION, "stream": stream, "gap": gap, "found_at": _instant(found_at)})


def key_entry(*, verifier: str, statement: str) -> bytes:
    """Return the entry of a new key of the ledger.

    Args:
        verifier: The new key (a `vkey`).
        statement: A note over both keys' lines, signed by the key before it and by the new one; see ``key_chain``.
    """
    return rfc8785.dumps({"v": VERSION, "key": verifier, "statement": statement})


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that stand in the leaf of a message, also after its content was erased."""
    return dict(_parted(headers)[0])


def _headers_digest(headers: list[tuple[str, str]], salt: bytes) -> str:
    """Return the digest of headers in hex: over the salt and the canonical form of their sorted pairs."""
    pairs = ",".join([f"[{_quoted(name)},{_quoted(value)}]" for name, value in sorted(headers)])
    return sha256(salt + f"[{pairs}]".encode()).hexdigest()


def _parted(headers: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the headers that stand in a leaf, and all others."""
    shown: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for name, value in headers.items():
        if not value.isascii():
            rest.append((_text(name), _text(value)))
        elif _is_plain(name) and len(value) <= _LONGEST:
            shown.append((name, value))
        else:
            rest.append((_text(name), value))
    return shown, rest


@lru_cache(1024)
def _is_plain(name: str) -> bool:
    return name.lower() in _PLAIN


def _instant(instant: datetime) -> str:
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"  # without its +00:00


def _text(text: str) -> str:
    """Return text that UTF-8 holds: what is no character stands there as its escape."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()

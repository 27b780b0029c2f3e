"""Escaping of ids as NATS subject tokens.

A NATS subject token may hold no dot, space or wildcard. Every character outside ``A-Z a-z 0-9 _ -`` is written as
``=XX``, its UTF-8 bytes in hex (the scheme of quoted-printable, RFC 2045 section 6.7), so that two different ids never
share a subject and every id can be read back.
"""

import re
from typing import Annotated, Final
from urllib.parse import quote, unquote

from pydantic import AfterValidator

__all__ = ["LONGEST_TOKEN", "SubjectId", "from_token", "read_token", "to_pattern", "to_token"]

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_EMPTY = "="  # no escaped id can be this: an escape is `=` and two digits

LONGEST_TOKEN: Final = 3_000
"""Bytes of one id as a token. nats-server takes control lines of 4,096 bytes (`max_control_line`)."""


def to_token(text: str) -> str:
    """Escape an id as one subject token.

    Raises:
        UnicodeEncodeError: The id holds a lone surrogate.
    """
    return _UNSAFE.sub(_escape, text) or _EMPTY


def to_pattern(text: str | None) -> str:
    """Escape an id as one subject token; without an id, return the wildcard ``*``."""
    return to_token(text) if text else "*"


def from_token(token: str) -> str:
    """Return the id that a subject token escapes."""
    return "" if token == _EMPTY else unquote(token.replace("%", "%25").replace("=", "%"))


def read_token(token: str) -> str | None:
    """Return the id that a token from outside escapes; None if its bytes are no UTF-8."""
    try:
        return "" if token == _EMPTY else unquote(token.replace("%", "%25").replace("=", "%"), errors="strict")
    except UnicodeDecodeError:
        return None


def _escape(found: re.Match[str]) -> str:
    percented = quote(found[0], safe="")
    return percented.replace("%", "=") if percented != found[0] else f"={ord(found[0]):02X}"


def _fits(text: str) -> str:
    if len(text) > LONGEST_TOKEN or len(to_token(text)) > LONGEST_TOKEN:
        raise ValueError(f"it has more than {LONGEST_TOKEN} bytes as a token of a subject")
    return text


SubjectId = Annotated[str, AfterValidator(_fits)]
"""An id that fits into a subject."""

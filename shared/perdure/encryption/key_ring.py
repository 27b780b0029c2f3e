"""The key ring: the first key encrypts, all of them decrypt."""

import binascii
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["KEY_BYTES", "KeyRing", "check_key_id", "new_key_line", "parse_key_ring"]

KEY_BYTES: Final = 32
"""AES-256."""

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys, newest first.

    Attributes:
        keys: The keys by their ids, 32 bytes each.
    """

    keys: Mapping[str, bytes]

    @property
    def newest(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self.keys))

    def __repr__(self) -> str:
        """Return the ids alone."""
        return f"KeyRing({', '.join(self.keys)})"


def parse_key_ring(text: str) -> KeyRing:
    """Read a key ring: a key a line, ``<id> <base64>``; empty lines and those with a # in front count for nothing.

    Raises:
        ValueError: A line is no key; the text names the line, and never what stands in it.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:  # noqa: PLR2004 (id and key)
            raise ValueError(f"line {number} is not `<id> <key>`")
        name, key = words
        if not _ID.fullmatch(name):
            raise ValueError(f"line {number}: an id has up to 64 letters, digits and . _ -")
        if name in keys:
            raise ValueError(f"line {number}: the id {name} stands twice")
        keys[name] = _decoded(key, number)
    if not keys:
        raise ValueError("it holds no key")
    return KeyRing(keys)


def check_key_id(name: str) -> None:
    """Check the id of a key, which people see.

    Raises:
        ValueError: It is none.
    """
    if not _ID.fullmatch(name):
        raise ValueError(f"{name!r} is no id of a key: write up to 64 letters, digits and . _ -")


def new_key_line(name: str) -> str:
    """Return a line with a new random key of this id.

    Raises:
        ValueError: It is no id.
    """
    check_key_id(name)
    return f"{name} {b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"


def _decoded(key: str, number: int) -> bytes:
    try:
        found = b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError(f"line {number}: the key is not base64") from error
    if len(found) != KEY_BYTES:
        raise ValueError(f"line {number}: the key has {len(found)} bytes, but AES-256 takes {KEY_BYTES}")
    return found

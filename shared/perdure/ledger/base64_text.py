"""Base64 with one way to write each value: another text for the same bytes would be a second form of one signature."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error

__all__ = ["decoded", "encoded"]


def encoded(value: bytes) -> str:
    """Return bytes as RFC 4648 writes them, section 4."""
    return b64encode(value).decode()


def decoded(text: str) -> bytes | None:
    """Return the bytes of a text; None if it is not how ``encoded`` writes any."""
    try:
        value = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
    return value if encoded(value) == text else None

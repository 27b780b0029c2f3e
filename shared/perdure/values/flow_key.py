"""The value of a route's ``flow.key`` as messages carry it: bounded, since every fact of a run repeats it."""

from hashlib import sha256
from typing import Final

__all__ = ["fit_key"]

_LONGEST: Final = 200  # characters


def fit_key(key: str) -> str:
    """Return the key, or the SHA-256 in hex of a long one."""
    return key if len(key) <= _LONGEST else sha256(key.encode()).hexdigest()

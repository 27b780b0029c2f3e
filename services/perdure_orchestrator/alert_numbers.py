"""The numbers of the alerts that workers raise."""

from typing import Final
from zlib import crc32

__all__ = ["alert_number"]

_FIRST: Final = 1_000_000  # a run counts its own from 1


def alert_number(about: str) -> int:
    """Return the number of an alert: the same for the same text, and none that a run gives."""
    return _FIRST + crc32(about.encode())

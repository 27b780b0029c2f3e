"""How long a step waits when a provider or server says when to come again."""

from datetime import timedelta
from typing import Final

__all__ = ["retry_delay"]

_LONGEST: Final = 3600.0  # seconds; the next attempt is made after an hour even if a longer wait is demanded


def retry_delay(seconds: float) -> timedelta:
    """Return the delay before the next attempt: what is demanded, but none below zero or above an hour."""
    return timedelta(seconds=min(max(seconds, 0), _LONGEST))

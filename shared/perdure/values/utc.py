"""The time of this process's own clock."""

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> datetime:
    """Return the time (UTC)."""
    return datetime.now(UTC)

"""Leases on channels: one notifier process sends on a channel at a time, and the next one continues its backoff."""

from datetime import datetime, timedelta
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from perdure.bus import KeyValue
from perdure.errors import Unavailable

__all__ = ["Lease", "Leases"]

_DURATION: Final = timedelta(seconds=30)
"""Longer than any channel takes to send one notice: a holder that has not renewed by then is considered dead."""


class Lease(BaseModel):
    """The right of one process to send on a channel, and the state of the channel's retries.

    Attributes:
        holder: The process.
        until: When the lease expires unless it is renewed (UTC).
        not_before: The earliest time at which to send the next notice (UTC).
        failing_since: The first failure since the last success (UTC).
        failed_at: The latest failure (UTC).
        tries: Failures since the last success.
    """

    model_config = ConfigDict(frozen=True)

    holder: str
    until: datetime
    not_before: datetime | None = None
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    tries: int = 0

    def succeeded(self, not_before: datetime | None) -> Self:
        """Return the lease after a notice was sent or given up: without failures."""
        update = {"not_before": not_before, "failing_since": None, "failed_at": None, "tries": 0}
        return self.model_copy(update=update)

    def failed(self, now: datetime, *, forgotten_after: timedelta) -> Self:
        """Return the lease after a failure; one that follows a pause of ``forgotten_after`` begins a new series."""
        same_series = self.failed_at is not None and now - self.failed_at < forgotten_after
        since = self.failing_since if same_series else now
        return self.model_copy(update={"failing_since": since, "failed_at": now, "tries": self.tries + 1})


class Leases:
    """The leases of one process, in a key-value bucket that all notifier processes share."""

    def __init__(self, entries: KeyValue, holder: str) -> None:
        self._entries = entries
        self._holder = holder

    async def acquire(self, channel: str, now: datetime) -> Lease | None:
        """Return the lease on a channel; None if another process holds it.

        Raises:
            Unavailable: NATS does not answer.
        """
        stored = await self._entries.read(_key(channel))
        last = None if stored is None else Lease.model_validate_json(stored.value)
        if last is not None and last.holder != self._holder and last.until > now:
            return None
        if last is not None and last.holder == self._holder and last.until - now > _DURATION / 2:
            return last
        lease = last or Lease(holder=self._holder, until=now)
        lease = lease.model_copy(update={"holder": self._holder, "until": now + _DURATION})
        revision = stored.revision if stored else 0
        acquired = await self._entries.replace(_key(channel), _to_json(lease), revision=revision)
        return lease if acquired else None

    async def renew(self, channel: str, lease: Lease, now: datetime) -> Lease:
        """Store the lease and extend it.

        Raises:
            Unavailable: Another process has taken over, or NATS does not answer.
        """
        lease = lease.model_copy(update={"until": now + _DURATION})
        await self._store(channel, lease)
        return lease

    async def release(self, channel: str, lease: Lease, now: datetime) -> None:
        """Store the lease as expired, so that any process can acquire it.

        Raises:
            Unavailable: As in ``renew``.
        """
        await self._store(channel, lease.model_copy(update={"until": now}))

    async def _store(self, channel: str, lease: Lease) -> None:
        stored = await self._entries.read(_key(channel))
        held = stored is not None and Lease.model_validate_json(stored.value).holder == self._holder
        if (
            stored is None
            or not held
            or not await self._entries.replace(_key(channel), _to_json(lease), revision=stored.revision)
        ):
            raise Unavailable(f"Another notifier process has taken over the channel {channel}")


def _to_json(lease: Lease) -> bytes:
    return lease.model_dump_json().encode()


def _key(channel: str) -> str:
    return f"turn.{channel}"  # as stored by 0.1

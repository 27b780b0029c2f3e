"""Leases on channels: one notifier process sends on a channel at a time, and the next one continues its backoff."""

from datetime import datetime, timedelta
from typing import Final, Self

from perdure.bus import KeyValue
from perdure.bus.lease import Lease, Leases

__all__ = ["ChannelLease", "channel_leases"]

_DURATION: Final = timedelta(seconds=30)  # longer than any channel takes to send one notice
_PREFIX: Final = "turn."  # as stored by 0.1


class ChannelLease(Lease):
    """The right of one process to send on a channel, and the state of the channel's retries.

    Attributes:
        not_before: The earliest time at which to send the next notice (UTC).
        failing_since: The first failure since the last success (UTC).
        failed_at: The latest failure (UTC).
        tries: Failures since the last success.
    """

    not_before: datetime | None = None
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    tries: int = 0

    def succeeded(self, not_before: datetime | None) -> Self:
        """Return the lease after a notice was sent or given up: without failures."""
        update = {"not_before": not_before, "failing_since": None, "failed_at": None, "tries": 0}
        return self.model_copy(update=update)

    def failed(self, now: datetime, *, forgotten_after: timedelta) -> Self:
        """Return the lease after a failure; one that comes ``forgotten_after`` after its time begins a new series.

        The time of a retry is ``not_before``, which may be further away than that; and to fail takes time.
        """
        retried_at = max((it for it in (self.failed_at, self.not_before) if it is not None), default=None)
        is_forgotten = retried_at is None or now - retried_at >= max(forgotten_after, _DURATION)
        same_series = self.failed_at is not None and not is_forgotten
        since = self.failing_since if same_series else now
        return self.model_copy(update={"failing_since": since, "failed_at": now, "tries": self.tries + 1})


def channel_leases(entries: KeyValue, holder: str) -> Leases[ChannelLease]:
    """Return the leases on channels of one notifier process."""
    return Leases(entries, holder, ChannelLease, duration=_DURATION, prefix=_PREFIX)

"""What waits for people: open approval requests against their deadlines, and notices that no channel has taken."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Metric

from perdure.bus import Bus
from perdure.bus.lease import Leases
from perdure.bus.views.approval_index import open_requests
from perdure.contracts import ApprovalRequested, from_token
from perdure.telemetry.catalogue import APPROVAL_PASSED, APPROVAL_WAIT, CHANNEL_FAILING, OPEN_APPROVALS, UNDELIVERED
from perdure_notifier.lease import ChannelLease

__all__ = ["WaitingGauges"]

_COUNTS_EVERY: Final = 30.0  # seconds: the requests are read from their stream
_SHORTEST: Final = timedelta(milliseconds=1)


class WaitingGauges:
    """Looks up what waits.

    Args:
        bus: Where requests and notices are.
        channels: The configured channels.
        leases: Have the failures of each channel.
        now: Returns the time (UTC) of the server that stored the requests.
    """

    def __init__(
        self, bus: Bus, channels: Sequence[str], leases: Leases[ChannelLease], now: Callable[[], datetime]
    ) -> None:
        self._bus = bus
        self._channels = channels
        self._leases = leases
        self._now = now
        self._requests: list[ApprovalRequested] = []
        self._counted_at = -_COUNTS_EVERY

    async def approvals(self) -> Iterable[Metric]:
        """Return the number of open requests, and how long they have waited.

        Raises:
            Unavailable: NATS does not answer.
        """
        if time.monotonic() - self._counted_at >= _COUNTS_EVERY:
            self._requests, self._counted_at = await open_requests(self._bus), time.monotonic()
        now = self._now()
        waits = [(now - it.opened_at).total_seconds() for it in self._requests]
        shares = [it for it in (_share(request, now) for request in self._requests) if it is not None]
        return [
            OPEN_APPROVALS.value(len(waits)),
            APPROVAL_WAIT.value(max(waits, default=0)),
            APPROVAL_PASSED.value(max(shares, default=0)),
        ]

    async def notices(self) -> Iterable[Metric]:
        """Return the number of notices that wait, and for how long they were refused, by channel.

        Raises:
            Unavailable: NATS does not answer.
        """
        counts = Counter(dict.fromkeys(self._channels, 0))
        for subject, count in (await self._bus.count_by_subject("notices.>")).items():
            counts[from_token(subject.split(".")[1])] += count
        waiting, failing = UNDELIVERED.gauge(), CHANNEL_FAILING.gauge()
        for channel, count in counts.items():
            waiting.add_metric([channel], count)
        for channel in self._channels:
            lease = await self._leases.look(channel)
            since = None if lease is None else lease.failing_since
            failing.add_metric([channel], 0 if since is None else max((self._now() - since).total_seconds(), 0.001))
        return [waiting, failing]


def _share(request: ApprovalRequested, now: datetime) -> float | None:
    """Return the share of a request's time that has passed; None if it waits for ever."""
    if request.expires_at is None:
        return None
    return (now - request.opened_at) / max(request.expires_at - request.opened_at, _SHORTEST)

"""Sends the notices of one channel: most urgent first, within its rate and quiet hours, with retries."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from opentelemetry import propagate, trace

from perdure.bus import Bus, StoredMessage
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.lease import Leases
from perdure.bus.resend import is_resent
from perdure.bus.settlement import backoff_seconds
from perdure.bus.views.approval_index import is_settled
from perdure.config.channels import ChannelSettings
from perdure.contracts import Notification
from perdure.errors import InvalidMessage, Unavailable
from perdure_notifier.channels import Busy, Channel, PartlySent, Refused
from perdure_notifier.deferrals import Deferrals
from perdure_notifier.due_notices import DueNotices
from perdure_notifier.lease import ChannelLease
from perdure_notifier.notice import AwaitsDecision, Notice
from perdure_notifier.outbox import Outbox

__all__ = ["ChannelSender"]

_SERVICE: Final = "notifier"
_FRESH: Final = timedelta(minutes=1)  # a notice that has waited for longer may be obsolete

_Outcome = Literal["sent", "failed", "skipped", "retried"]

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("perdure.notifier")


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: StoredMessage
    notice: Notice


class ChannelSender:
    """Takes notices from a channel's outbox and sends them; what cannot be sent becomes a dead letter.

    Args:
        channel: Where to send.
        settings: The channel's rate, quiet hours, digest and patience.
        bus: Where dead letters and notifications are published.
        outbox: The notices that wait, of all channels.
        leases: Elect the one process that sends on a channel.
        fallback: Channels that send what this one gave up.
        clock: Returns the current time (UTC).
    """

    def __init__(  # noqa: PLR0913 (its settings, its ports, and a clock for tests)
        self,
        channel: Channel,
        settings: ChannelSettings,
        *,
        bus: Bus,
        outbox: Outbox,
        leases: Leases[ChannelLease],
        fallback: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._bus = bus
        self._outbox = outbox
        self._deferrals = Deferrals()
        self._due = DueNotices(channel.name, settings, outbox, self._deferrals)
        self._leases = leases
        self._fallback = [name for name in fallback if name != channel.name]
        self._now = clock

    async def send_due(self) -> datetime | None:
        """Send all notices that are due, and return when the next one will be, if that is known.

        Raises:
            Unavailable: NATS does not answer. Calling again is safe.
        """
        name = self._channel.name
        if not await self._outbox.has_notices(name):
            return None
        lease = await self._leases.acquire(name, self._now())
        if lease is None:
            return None
        while isinstance(due := await self._next(lease), list):
            lease = await self._leases.renew(name, await self._settle(due, lease), self._now())
        if due is None:
            await self._leases.release(name, lease, self._now())
        return due

    async def _next(self, lease: ChannelLease) -> list[StoredMessage] | datetime | None:
        """Return the notices to send now, or when the next ones are due, or None if the outbox is empty."""
        now = self._now()
        if lease.not_before is not None and lease.not_before > now:
            return lease.not_before
        return await self._due.next(now)

    async def _settle(self, messages: Sequence[StoredMessage], lease: ChannelLease) -> ChannelLease:
        """Send notices, skip them, or dead-letter them, and return the updated lease.

        Notices stay in the outbox if the channel is to be tried again.
        """
        waiting = [it for message in messages if (it := await self._read(message)) is not None]
        if not waiting:
            return lease
        parent = propagate.extract(waiting[0].message.raw.headers)
        with _tracer.start_as_current_span(f"notifier sends {self._channel.name}", parent) as span:
            span.set_attribute("perdure.notices", len(waiting))
            try:
                detail = await self._channel.send([it.notice for it in waiting])
            except Refused as error:
                await self._give_up(waiting, f"{self._channel.name} refused the notice: {error}")
            except PartlySent as error:
                if self._deferrals.is_full:
                    return await self._failed(waiting, lease, error)
                await self._defer(waiting, error)
            except Exception as error:  # noqa: BLE001 (the boundary: a defect in one channel must not stop the others)
                if not isinstance(error, Unavailable):
                    _log.exception("the channel %s failed", self._channel.name)
                return await self._failed(waiting, lease, error)
            else:
                for it in waiting:
                    await self._report(it.notice, "sent", detail)
                    await self._outbox.delete(it.message)
                self._deferrals.forget(_sequences(waiting))
        return lease.succeeded(self._now() + self._settings.rate.interval if self._settings.rate else None)

    async def _read(self, message: StoredMessage) -> _Waiting | None:
        """Return a notice that is to be sent; None if it was unreadable or obsolete, and is settled."""
        try:
            notice = self._outbox.parse(message)
        except InvalidMessage as error:
            await publish_dead_letter(
                self._bus, make_dead_letter(message, error.reason, error.detail, service=_SERVICE)
            )
            await self._outbox.delete(message)
            return None
        is_late = notice.instead_of is not None or is_resent(message.raw) or self._now() - message.stored_at > _FRESH
        if is_late and await self._is_obsolete(notice):
            await self._report(notice, "skipped", "The request was settled before the notice was sent.")
            await self._outbox.delete(message)
            return None
        return _Waiting(message, notice)

    async def _is_obsolete(self, notice: Notice) -> bool:
        return isinstance(notice.message, AwaitsDecision) and await is_settled(self._bus, notice.message)

    async def _defer(self, waiting: Sequence[_Waiting], error: PartlySent) -> None:
        """Keep notices for a target that has not got them; give them up if it fails for too long."""
        now, sequences = self._now(), _sequences(waiting)
        urgent = all(it.notice.severity == "critical" for it in waiting)
        deferral = self._deferrals.defer(sequences, now, urgent=urgent)
        if now - deferral.since >= self._settings.give_up_after:
            self._deferrals.forget(sequences)
            await self._give_up(waiting, self._failed_for(now - deferral.since, error))
        else:
            _log.warning("%s; trying the rest of %s again later", error, self._channel.name)

    def _failed_for(self, time: timedelta, error: Exception) -> str:
        return f"{self._channel.name} failed for {time.total_seconds() / 60:.0f} minutes: {error}"

    async def _failed(self, waiting: Sequence[_Waiting], lease: ChannelLease, error: Exception) -> ChannelLease:
        now = self._now()
        lease = lease.failed(now, forgotten_after=self._settings.give_up_after)
        is_first = lease.failing_since == now
        failing_for = now - (lease.failing_since or now)
        if failing_for >= self._settings.give_up_after:
            await self._give_up(waiting, self._failed_for(failing_for, error))
            return lease  # later notices are tried once and, if that fails, given up without a wait
        for it in waiting if is_first else ():
            await self._report(it.notice, "retried", str(error))
        retry_after = error.retry_after if isinstance(error, Busy) else timedelta()
        wait = max(retry_after, timedelta(seconds=backoff_seconds(lease.tries)))
        _log.warning("%s; trying the channel %s again in %.1f s", error, self._channel.name, wait.total_seconds())
        return lease.model_copy(update={"not_before": now + wait})

    async def _give_up(self, waiting: Sequence[_Waiting], why: str) -> None:
        """Dead-letter notices and put them into the outboxes of the fallback channels."""
        for message, notice in ((it.message, it.notice) for it in waiting):
            others = self._fallback if notice.instead_of is None else []
            instead = f" Sent instead to: {', '.join(others)}." if others else ""
            await publish_dead_letter(
                self._bus, make_dead_letter(message, "undelivered", f"{why}.{instead}", service=_SERVICE)
            )
            await self._report(notice, "failed", why)
            for name in others:
                await self._outbox.put_once(name, notice.model_copy(update={"instead_of": self._channel.name}))
            await self._outbox.delete(message)

    async def _report(self, notice: Notice, outcome: _Outcome, detail: str) -> None:
        await self._bus.publish(
            Notification(
                channel=self._channel.name,
                about=notice.key,
                workflow_id=notice.message.workflow_id,
                outcome=outcome,
                detail=detail,
                sent_at=self._now(),
            )
        )


def _sequences(waiting: Sequence[_Waiting]) -> list[int]:
    return [it.message.sequence for it in waiting]

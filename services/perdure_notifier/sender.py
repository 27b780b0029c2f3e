"""One channel's way out: the most urgent first, no faster than it likes, not in its quiet hours, and never lost."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from opentelemetry import propagate, trace

from perdure.bus import Bus, StoredMessage
from perdure.bus.settlement import backoff_seconds, make_dead_letter
from perdure.bus.views.approval_index import is_settled
from perdure.config.notifier import ChannelSettings
from perdure.contracts import Notification
from perdure.errors import InvalidMessage, Unavailable
from perdure_notifier.channels import Busy, Channel, Refused
from perdure_notifier.lease import Lease, Leases
from perdure_notifier.notice import BY_URGENCY, Notice
from perdure_notifier.outbox import Outbox

__all__ = ["ChannelSender"]

_SERVICE: Final = "notifier"
_AT_MOST: Final = 20  # notices in a digest
_FRESH: Final = timedelta(minutes=1)  # what has waited for longer may be settled meanwhile

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("perdure.notifier")


@dataclass(frozen=True, slots=True)
class _Waiting:
    heard: StoredMessage
    notice: Notice


class ChannelSender:
    """What waits for one channel, and how it is told."""

    def __init__(  # noqa: PLR0913 (what it goes by, and what it works on)
        self,
        channel: Channel,
        settings: ChannelSettings,
        *,
        bus: Bus,
        turns: Leases,
        fallback: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._bus = bus
        self._outbox = Outbox(bus)
        self._turns = turns
        self._fallback = [name for name in fallback if name != channel.name]
        self._now = clock

    async def look(self) -> datetime | None:
        """Tell what may be told now; returns when to look again, if that is known.

        Raises:
            Unavailable: NATS does not answer; whatever was begun is safe to be begun again.
        """
        name = self._channel.name
        if not await self._outbox.waits(name):
            return None
        turn = await self._turns.take(name, self._now())
        if turn is None:
            return None
        while isinstance(found := await self._next(turn), list):
            turn = await self._turns.keep(name, await self._settle(found, turn), self._now())
        if found is None:
            await self._turns.release(name, turn, self._now())
        return found

    async def _next(self, turn: Lease) -> list[StoredMessage] | datetime | None:
        """Return what is to be told now, or when there will be something."""
        name, now = self._channel.name, self._now()
        if turn.not_before is not None and turn.not_before > now:
            return turn.not_before
        heads = {it: head for it in BY_URGENCY if (head := await self._outbox.first(name, it))}
        if not heads:
            return None
        if "critical" in heads:
            return [heads["critical"]]
        if self._settings.quiet is not None and (end := self._settings.quiet.next_closing(now)) > now:
            return end
        if self._settings.digest is None:
            return [next(iter(heads.values()))]
        due = min(head.stored_at for head in heads.values()) + self._settings.digest
        return due if due > now else await self._gathered()

    async def _gathered(self) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        for severity in BY_URGENCY:
            async for heard in self._outbox.all(self._channel.name, severity):
                found.append(heard)
                if len(found) == _AT_MOST:
                    return found
        return found

    async def _settle(self, found: Sequence[StoredMessage], turn: Lease) -> Lease:
        """Do away with notices, one way or another, unless the channel shall be tried again; returns how it went."""
        waiting = [it for heard in found if (it := await self._read(heard)) is not None]
        if not waiting:
            return turn
        first = waiting[0].heard.raw.headers
        with _tracer.start_as_current_span(f"notifier tells {self._channel.name}", propagate.extract(first)) as span:
            span.set_attribute("perdure.notices", len(waiting))
            try:
                detail = await self._channel.send([it.notice for it in waiting])
            except Refused as error:
                await self._give_up(waiting, f"{self._channel.name} does not take it: {error}")
            except Exception as error:  # noqa: BLE001 (the boundary: a defect in one channel must not stop the others)
                if not isinstance(error, Unavailable):
                    _log.exception("the channel %s failed", self._channel.name)
                return await self._failed(waiting, turn, error)
            else:
                for it in waiting:
                    await self._say(it.notice, "sent", detail)
                    await self._outbox.drop(it.heard)
        return turn.told(self._now() + self._settings.rate.apart if self._settings.rate else None)

    async def _read(self, heard: StoredMessage) -> _Waiting | None:
        try:
            notice = self._outbox.read(heard)
        except InvalidMessage as error:
            await self._bus.publish(make_dead_letter(heard, error.reason, error.detail, service=_SERVICE))
            await self._outbox.drop(heard)
            return None
        waited = self._now() - heard.stored_at
        if waited > _FRESH and notice.question and await is_settled(self._bus, notice.question):
            await self._say(notice, "skipped", "It was settled before its turn came.")
            await self._outbox.drop(heard)
            return None
        return _Waiting(heard, notice)

    async def _failed(self, waiting: Sequence[_Waiting], turn: Lease, error: Exception) -> Lease:
        now = self._now()
        turn = turn.failed(now, forgotten_after=self._settings.give_up_after)
        failing_for = now - (turn.failing_since or now)
        if failing_for >= self._settings.give_up_after:
            minutes = failing_for.total_seconds() / 60
            await self._give_up(waiting, f"{self._channel.name} took nothing for {minutes:.0f} minutes: {error}")
            return turn  # what waits behind is tried once, and does not wait as long again
        asked = error.retry_after if isinstance(error, Busy) else timedelta()
        wait = max(asked, timedelta(seconds=backoff_seconds(turn.tries)))
        _log.warning("%s; telling on %s again in %.1f s", error, self._channel.name, wait.total_seconds())
        return turn.model_copy(update={"not_before": now + wait})

    async def _give_up(self, waiting: Sequence[_Waiting], why: str) -> None:
        """Leave notices to the dead letters, and tell others in this channel's place."""
        for heard, notice in ((it.heard, it.notice) for it in waiting):
            others = self._fallback if notice.instead_of is None else []
            told = f" Told instead: {', '.join(others)}." if others else ""
            await self._bus.publish(make_dead_letter(heard, "undelivered", f"{why}.{told}", service=_SERVICE))
            await self._say(notice, "failed", why)
            for name in others:
                await self._outbox.put(name, notice.model_copy(update={"instead_of": self._channel.name}))
            await self._outbox.drop(heard)

    async def _say(self, notice: Notice, outcome: Literal["sent", "failed", "skipped"], detail: str) -> None:
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

"""One process at a time tells on a channel, and the next one knows how far it came."""

from datetime import datetime, timedelta
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from perdure.bus import KeyValue
from perdure.errors import Unavailable

__all__ = ["Lease", "Leases"]

_HELD_FOR: Final = timedelta(seconds=30)
"""Longer than any channel takes for one notice: then the process that held it is taken for dead."""


class Lease(BaseModel):
    """Whose turn it is on a channel, and how it went lately.

    Attributes:
        holder: The process.
        until: When it lets go at the latest (UTC).
        not_before: The next notice shall not be told before (UTC).
        failing_since: Since when the channel has taken nothing (UTC).
        failed_at: When it last did not (UTC).
        tries: How often it was tried since.
    """

    model_config = ConfigDict(frozen=True)

    holder: str
    until: datetime
    not_before: datetime | None = None
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    tries: int = 0

    def told(self, not_before: datetime | None) -> Self:
        """After a notice is done with."""
        update = {"not_before": not_before, "failing_since": None, "failed_at": None, "tries": 0}
        return self.model_copy(update=update)

    def failed(self, now: datetime, *, forgotten_after: timedelta) -> Self:
        """After one was not taken; a failure that lies back for so long is another story."""
        goes_on = self.failed_at is not None and now - self.failed_at < forgotten_after
        since = self.failing_since if goes_on else now
        return self.model_copy(update={"failing_since": since, "failed_at": now, "tries": self.tries + 1})


class Leases:
    """The turns of one process, kept in a bucket that all processes share."""

    def __init__(self, entries: KeyValue, holder: str) -> None:
        self._entries = entries
        self._holder = holder

    async def take(self, channel: str, now: datetime) -> Lease | None:
        """Take the turn; None, if another process has it.

        Raises:
            Unavailable: NATS does not answer.
        """
        known = await self._entries.read(_key(channel))
        before = None if known is None else Lease.model_validate_json(known.value)
        if before is not None and before.holder != self._holder and before.until > now:
            return None
        if before is not None and before.holder == self._holder and before.until - now > _HELD_FOR / 2:
            return before
        turn = before or Lease(holder=self._holder, until=now)
        turn = turn.model_copy(update={"holder": self._holder, "until": now + _HELD_FOR})
        taken = await self._entries.replace(_key(channel), _written(turn), revision=known.revision if known else 0)
        return turn if taken else None

    async def keep(self, channel: str, turn: Lease, now: datetime) -> Lease:
        """Write down how it went, and hold on.

        Raises:
            Unavailable: Another process has taken over, or NATS does not answer.
        """
        turn = turn.model_copy(update={"until": now + _HELD_FOR})
        await self._write(channel, turn)
        return turn

    async def release(self, channel: str, turn: Lease, now: datetime) -> None:
        """Let others have it.

        Raises:
            Unavailable: As in ``keep``.
        """
        await self._write(channel, turn.model_copy(update={"until": now}))

    async def _write(self, channel: str, turn: Lease) -> None:
        known = await self._entries.read(_key(channel))
        is_ours = known is not None and Lease.model_validate_json(known.value).holder == self._holder
        if (
            known is None
            or not is_ours
            or not await self._entries.replace(_key(channel), _written(turn), revision=known.revision)
        ):
            raise Unavailable(f"Another notifier tells on {channel} now")


def _written(turn: Lease) -> bytes:
    return turn.model_dump_json().encode()


def _key(channel: str) -> str:
    return f"turn.{channel}"

"""Leases: one process at a time has a right, and another takes it over when the holder is gone."""

from datetime import datetime, timedelta
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from perdure.bus.key_value import KeyValue
from perdure.errors import Unavailable

__all__ = ["Lease", "Leases"]


class Lease(BaseModel):
    """The right of one process.

    Attributes:
        holder: The process.
        until: When the lease expires unless it is renewed (UTC).
    """

    model_config = ConfigDict(frozen=True)

    holder: str
    until: datetime

    def held_until(self, holder: str, until: datetime) -> Self:
        """Return the lease of this holder until then, with all else as it is."""
        return self.model_copy(update={"holder": holder, "until": until})


L = TypeVar("L", bound=Lease)


class Leases(Generic[L]):
    """The leases of one process, in a key-value bucket that all processes of the service share.

    Args:
        entries: The bucket.
        holder: The process. A restarted process has the same name, and so continues at once.
        kind: The class of the leases.
        duration: A holder that has not renewed for so long is considered dead. Clocks differ by less than this.
        prefix: Begins the keys.
    """

    def __init__(
        self, entries: KeyValue, holder: str, kind: type[L], *, duration: timedelta, prefix: str = "lease."
    ) -> None:
        self.duration = duration
        self._entries = entries
        self._holder = holder
        self._kind = kind
        self._prefix = prefix

    async def look(self, name: str) -> L | None:
        """Return the lease of this name, whoever holds it; None if nobody ever did.

        Raises:
            Unavailable: NATS does not answer.
        """
        stored = await self._entries.read(self._prefix + name)
        return None if stored is None else self._kind.model_validate_json(stored.value)

    async def acquire(self, name: str, now: datetime) -> L | None:
        """Return the lease of this name; None if another process holds it.

        Raises:
            Unavailable: NATS does not answer.
        """
        stored = await self._entries.read(self._prefix + name)
        last = None if stored is None else self._kind.model_validate_json(stored.value)
        if last is not None and last.holder != self._holder and last.until > now:
            return None
        if last is not None and last.holder == self._holder and last.until - now > self.duration / 2:
            return last
        lease = last or self._kind(holder=self._holder, until=now)
        lease = lease.held_until(self._holder, now + self.duration)
        revision = stored.revision if stored else 0
        acquired = await self._entries.replace(self._prefix + name, _to_json(lease), revision=revision)
        return lease if acquired else None

    async def renew(self, name: str, lease: L, now: datetime) -> L:
        """Store the lease and extend it.

        Raises:
            Unavailable: Another process has taken over, or NATS does not answer.
        """
        lease = lease.held_until(self._holder, now + self.duration)
        await self._store(name, lease)
        return lease

    async def release(self, name: str, lease: L, now: datetime) -> None:
        """Store the lease as expired, so that any process can acquire it.

        Raises:
            Unavailable: As in ``renew``.
        """
        await self._store(name, lease.held_until(self._holder, now))

    async def _store(self, name: str, lease: L) -> None:
        stored = await self._entries.read(self._prefix + name)
        held = stored is not None and self._kind.model_validate_json(stored.value).holder == self._holder
        if (
            stored is None
            or not held
            or not await self._entries.replace(self._prefix + name, _to_json(lease), revision=stored.revision)
        ):
            raise Unavailable(f"Another process has taken over {name}")


def _to_json(lease: Lease) -> bytes:
    return lease.model_dump_json().encode()

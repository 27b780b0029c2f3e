"""Does work while this process holds a lease, and leaves it to another process otherwise."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from perdure.bus.duty import run_while
from perdure.bus.lease import Lease, Leases
from perdure.errors import Unavailable

__all__ = ["lead"]

_ACQUIRE_SECONDS: Final = 1.0  # between two attempts to take over

_log = logging.getLogger(__name__)


async def lead(
    leases: Leases[Lease],
    name: str,
    work: Sequence[Callable[[], Coroutine[None, None, None]]],
    *,
    now: Callable[[], datetime],
) -> None:
    """Run coroutines whenever this process holds the lease, for ever; they are cancelled when it is lost.

    Args:
        leases: The leases of this process.
        name: The lease.
        work: The coroutines.
        now: The clock by which leases expire (UTC).

    Raises:
        Exception: What the work raised; it should run until it is cancelled.
    """
    while True:
        try:
            lease = await leases.acquire(name, now())
        except Unavailable as error:
            _log.warning("%s; the lease of %s is asked for again", error, name)
            lease = None
        if lease is None:
            await asyncio.sleep(_ACQUIRE_SECONDS)
            continue
        held = _HeldLease(leases, name, lease, now)
        _log.info("this process handles %s", name)
        try:
            await run_while(held.renew_until_lost(), work)
        finally:
            await held.release()
        _log.warning("this process no longer handles %s: another may", name)


class _HeldLease:
    """A lease that this process holds."""

    def __init__(self, leases: Leases[Lease], name: str, lease: Lease, now: Callable[[], datetime]) -> None:
        self._now = now
        self._leases = leases
        self._name = name
        self._lease = lease

    async def renew_until_lost(self) -> None:
        """Renew the lease until another process has it, or until it expires because NATS does not answer."""
        while (left := (self._lease.until - self._now()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(left):
                    await asyncio.sleep(min(left, self._leases.duration.total_seconds() / 3))
                    lease = await self._leases.acquire(self._name, self._now())
            except (Unavailable, TimeoutError) as error:
                _log.warning("the lease of %s is not renewed: %r", self._name, error)
            else:
                if lease is None:
                    return
                self._lease = lease

    async def release(self) -> None:
        """Let another process take over at once."""
        with suppress(Unavailable, TimeoutError):  # it expires by itself, or another process has it
            async with asyncio.timeout(_ACQUIRE_SECONDS):
                await self._leases.release(self._name, self._lease, self._now())

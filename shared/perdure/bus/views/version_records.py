"""What ADMIN holds about versions of the code: each change once, also if what made it was killed and is repeated."""

from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.contracts import VersionChanged

__all__ = ["VersionRecords"]


class VersionRecords:
    """The records of versions on ADMIN."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def add(self, change: VersionChanged) -> None:
        """Publish a change, unless ADMIN's newest record is of the same version and not older.

        Raises:
            Unavailable: The bus does not store it.
        """
        newest = await self._bus.last(change.subject)
        known = None if newest is None else decode(newest.raw)
        if isinstance(known, VersionChanged) and known.build == change.build and known.at >= change.at:
            return
        await self._bus.publish(change)

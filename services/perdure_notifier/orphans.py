"""What waits for a channel that the configuration no longer names is not lost: it becomes a dead letter."""

from collections.abc import Collection

from perdure.bus import Bus
from perdure.bus.settlement import make_dead_letter
from perdure_notifier.notice import BY_URGENCY
from perdure_notifier.outbox import Outbox

__all__ = ["OrphanedNotices"]


class OrphanedNotices:
    """Looks after channels that are gone."""

    def __init__(self, bus: Bus, outbox: Outbox, known: Collection[str]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._known = known

    async def dead_letter(self) -> None:
        """Bury what waits for them.

        Raises:
            Unavailable: NATS does not answer; what is left is buried next time.
        """
        for name in await self._outbox.channels() - set(self._known):
            for severity in BY_URGENCY:
                async for heard in self._outbox.all(name, severity):
                    why = f"The configuration no longer has a channel {name}."
                    await self._bus.publish(make_dead_letter(heard, "undelivered", why, service="notifier"))
                    await self._outbox.drop(heard)

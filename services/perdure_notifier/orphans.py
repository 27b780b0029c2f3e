"""Orphaned notices: those of channels that the configuration no longer has."""

from collections.abc import Collection

from perdure.bus import Bus
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure_notifier.notice import BY_URGENCY
from perdure_notifier.outbox import Outbox

__all__ = ["OrphanedNotices"]


class OrphanedNotices:
    """Moves the notices of removed channels to the dead letters.

    Args:
        bus: Where dead letters are published.
        outbox: Where notices wait.
        channels: The names of the configured channels.
    """

    def __init__(self, bus: Bus, outbox: Outbox, channels: Collection[str]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._channels = channels

    async def dead_letter(self) -> None:
        """Dead-letter every notice of a channel that is not configured.

        Raises:
            Unavailable: NATS does not answer. The next call continues.
        """
        for name in await self._outbox.channels() - set(self._channels):
            for severity in BY_URGENCY:
                async for message in self._outbox.all(name, severity):
                    why = f"The configuration no longer has a channel {name}."
                    dead_letter = make_dead_letter(message, "undelivered", why, service="notifier")
                    await publish_dead_letter(self._bus, dead_letter)
                    await self._outbox.delete(message)

"""The step that says what the run wants to be known."""

from temporalio import activity

from perdure.bus import Bus
from perdure.flow.steps import SAY, Announcement

__all__ = ["Say"]


class Say:
    """Says facts on the bus; Temporal repeats it until they are stored."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name=SAY)
    async def run(self, announcement: Announcement) -> None:
        """Say each fact in order; a repetition is recognised by the message ids."""
        for fact in announcement.facts:
            await self._bus.say(fact)

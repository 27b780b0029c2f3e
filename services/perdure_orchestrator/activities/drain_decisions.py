"""The activity that waits until all stored decisions were handed to their runs."""

from temporalio import activity

from perdure.bus import Bus
from perdure.flow.facts import DRAIN_DECISIONS

__all__ = ["DrainDecisions"]


class DrainDecisions:
    """Waits for the bridge; Temporal repeats it until the bridge has caught up, and no request expires before."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name=DRAIN_DECISIONS)
    async def run(self) -> None:
        """Return once every decision that is stored now was handed to its run."""
        await self._bus.wait_until_consumed("orchestrator", "DECISIONS")

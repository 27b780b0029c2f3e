"""The step that waits until a run has heard what people said."""

from temporalio import activity

from perdure.bus import Bus
from perdure.flow.facts import DRAIN_DECISIONS

__all__ = ["DrainDecisions"]


class DrainDecisions:
    """Waits for the bridge; Temporal repeats it until that has caught up: till then nobody is silent."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name=DRAIN_DECISIONS)
    async def run(self) -> None:
        """Return once every decision that is stored now was handed to its run."""
        await self._bus.wait_until_consumed("orchestrator", "DECISIONS")

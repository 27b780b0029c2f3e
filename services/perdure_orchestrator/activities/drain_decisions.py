"""The step that waits until a run has heard what people said."""

from temporalio import activity

from perdure.bus import Bus
from perdure.flow.facts import HEAR_ALL

__all__ = ["HearAll"]


class HearAll:
    """Waits for the bridge; Temporal repeats it until that has caught up: till then nobody is silent."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name=HEAR_ALL)
    async def run(self) -> None:
        """Return once every decision that is stored now was handed to its run."""
        await self._bus.caught_up("orchestrator", "DECISIONS")

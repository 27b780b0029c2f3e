"""The step that says what the run wants to be known."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.bus import Bus
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure.flow.steps import SAY, Announcement, Fact

__all__ = ["Say"]


class Say:
    """Says facts on the bus; Temporal repeats it until they are stored."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name=SAY)
    async def run(self, announcement: Announcement) -> None:
        """Say each fact in order; a repetition is recognised by the message ids."""
        for fact in announcement.facts:
            await self._say(fact)

    async def _say(self, fact: Fact) -> None:
        """Say a fact; of progress that is too large, all but the result: the run's story must have an end."""
        try:
            await self._bus.say(fact)
        except InvalidMessage as error:
            if not isinstance(fact, Progress):
                raise ApplicationError(f"It cannot be said: {error}", type="TooLarge", non_retryable=True) from error
            await self._bus.say(
                fact.model_copy(update={"result": None, "error": f"The result cannot be said: {error}"})
            )

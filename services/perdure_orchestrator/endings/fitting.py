"""Publishes a fact as far as it fits: progress that is too large goes without its result."""

from perdure.bus import Bus
from perdure.contracts import Progress
from perdure.errors import InvalidMessage

__all__ = ["publish_fitting"]


async def publish_fitting(bus: Bus, fact: Progress) -> None:
    """Publish a fact, without its result if the bus refuses that: so every run has an ending.

    Raises:
        Unavailable: The bus does not confirm it.
    """
    try:
        await bus.publish(fact)
    except InvalidMessage as error:
        reason = f"The result cannot be published ({error}): let the run write it somewhere and return where"
        await bus.publish(fact.model_copy(update={"result": None, "error": reason}))

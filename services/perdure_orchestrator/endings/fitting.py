"""Publishes a fact as far as it fits: progress that is too large goes without its result."""

from datetime import datetime

from perdure.bus import Bus
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure_orchestrator.publish_once import publish_once

__all__ = ["publish_fitting"]


async def publish_fitting(bus: Bus, fact: Progress, *, tried_since: datetime) -> None:
    """Publish a fact once, without its result if the bus refuses that: so every run has an ending.

    Args:
        bus: The bus.
        fact: The fact.
        tried_since: When the first attempt may have begun (UTC).

    Raises:
        Unavailable: The bus does not confirm it.
    """
    try:
        await publish_once(bus, fact, tried_since=tried_since)
    except InvalidMessage as error:
        reason = f"The result cannot be published ({error}): let the run write it somewhere and return where"
        short = fact.model_copy(update={"result": None, "error": reason})
        await publish_once(bus, short, tried_since=tried_since)

"""Says whose NATS server answers at an address: that of this suite, of another suite, or of no suite."""

from typing import Literal

from perdure.connections.nats_greeting import NothingListens, Silent, is_of_a_suite, server_name, suite_server_name

__all__ = ["House", "nats_house"]

House = Literal["ours", "another suite", "no suite", "unknown", "silent", "nothing"]
"""``unknown``: it is no server or service of this kind; ``silent``: no answer in time; ``nothing``: nothing listens."""


async def nats_house(url: str, instance: str | None, *, within: float) -> House:
    """Return whose NATS server greets at a URL.

    Args:
        url: ``nats://host:port``.
        instance: The id of our suite; None if none runs.
        within: Seconds to wait.
    """
    try:
        name = await server_name(url, within=within)
    except NothingListens:
        return "nothing"
    except Silent:
        return "silent"
    if name is None:
        return "unknown"
    if instance is not None and name == suite_server_name(instance):
        return "ours"
    return "another suite" if is_of_a_suite(name) else "no suite"

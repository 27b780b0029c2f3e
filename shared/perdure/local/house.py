"""Says whose process answers at an address: one of this suite, of another suite, or of no suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from perdure.connections.nats_greeting import NothingListens, Silent, is_of_a_suite, server_name, suite_server_name

__all__ = ["House", "ServiceState", "nats_house", "service_state"]

House = Literal["ours", "another suite", "no suite", "unknown", "silent", "nothing"]
"""``unknown``: it is no server or service of this kind; ``silent``: no answer in time; ``nothing``: nothing listens."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What ``/readyz`` of a service answers.

    Attributes:
        house: Whose service it is.
        missing: What it waits for.
    """

    house: House
    missing: Sequence[str] = ()


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


async def service_state(url: str, instance: str | None, *, within: float) -> ServiceState:
    """Return whose service answers at a URL, and whether it is ready.

    Args:
        url: Its base URL.
        instance: The id of our suite; None for services that no suite starts.
        within: Seconds to wait.
    """
    import httpx2  # noqa: PLC0415 (slow to import, for nothing if no suite runs)

    try:
        async with httpx2.AsyncClient(timeout=within, trust_env=False) as client:
            answer = (await client.get(f"{url}/readyz")).json()
        return _state(answer, instance)
    except httpx2.TimeoutException:
        return ServiceState("silent")
    except httpx2.ConnectError:
        return ServiceState("nothing")
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):  # not HTTP, not JSON, or other JSON
        return ServiceState("unknown")


def _state(answer: dict[str, Any], instance: str | None) -> ServiceState:
    missing, found = tuple(map(str, answer["missing"])), answer.get("instance")
    if found == instance:
        return ServiceState("ours", missing)
    return ServiceState("another suite" if found else "no suite", missing)

"""Says whose service answers at an address: one of this suite, of another suite, or of no suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from perdure.local.loopback import loopback_client
from perdure.local.nats_house import House

__all__ = ["ServiceState", "service_state"]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What ``/readyz`` of a service answers.

    Attributes:
        house: Whose service it is.
        missing: What it waits for.
        problem: What it does no more, and why, although it is ready; empty if it does everything.
    """

    house: House
    missing: Sequence[str] = ()
    problem: str = ""


async def service_state(url: str, instance: str | None, *, within: float) -> ServiceState:
    """Return whose service answers at a URL, and whether it is ready.

    Args:
        url: Its base URL.
        instance: The id of our suite; None for services that no suite starts.
        within: Seconds to wait.
    """
    try:
        async with loopback_client(within=within) as client:
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
        return ServiceState("ours", missing, str(answer.get("problem") or ""))
    return ServiceState("another suite" if found else "no suite", missing)

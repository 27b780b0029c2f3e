"""A program that the supervisor starts: a command and a readiness check."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2

__all__ = ["Program", "http_ready"]


@dataclass(frozen=True, slots=True)
class Program:
    """A server or service of a suite.

    Attributes:
        where: The URL or address under which clients reach it.
        ready: Returns whether it can do its work now.
        environment: Variables added to the supervisor's own environment.
        first: Awaited before each start; a ``SetupError`` from it prevents the start.
    """

    name: str
    command: Sequence[str]
    where: str
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[], Awaitable[None]] | None = None


def http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    """Return a readiness check that requires status 200 from a URL."""

    async def ready() -> bool:
        async with httpx2.AsyncClient(timeout=1.0, trust_env=False) as client:
            try:
                return (await client.get(url)).status_code == httpx2.codes.OK
            except httpx2.HTTPError:
                return False

    return ready

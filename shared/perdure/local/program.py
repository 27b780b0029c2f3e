"""A program that the supervisor starts: a command and a readiness check."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from perdure.local.loopback import loopback_client
from perdure.local.trouble import Trouble

__all__ = ["STOPPED_WITHIN", "Program", "http_ready"]

STOPPED_WITHIN: Final = 15.0
"""Seconds in which a program ends that has nothing to finish, from SIGTERM to SIGKILL."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server or service of a suite.

    Attributes:
        where: The URL or address under which clients reach it.
        ready: Returns whether it can do its work now.
        environment: Variables added to the supervisor's own environment.
        first: Awaited before each start; a ``SetupError`` from it prevents the start.
        folder: Its working folder; by default that of the supervisor.
        trouble: Returns what keeps the running program from its work, if something does.
        stopped_within: Seconds from SIGTERM to SIGKILL.
    """

    name: str
    command: Sequence[str]
    where: str
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[], Awaitable[None]] | None = None
    folder: Path | None = None
    trouble: Callable[[], Awaitable[Trouble | None]] | None = None
    stopped_within: float = STOPPED_WITHIN


def http_ready(url: str, *, is_ours: Callable[[Any], bool] | None = None) -> Callable[[], Awaitable[bool]]:
    """Return a readiness check that requires status 200 from a URL.

    Args:
        url: What is requested.
        is_ours: Returns whether the JSON of the answer comes from our own process; by default any answer is accepted.
    """

    async def ready() -> bool:
        async with loopback_client(within=1.0) as client:
            try:
                response = await client.get(url)
                return response.status_code == httpx2.codes.OK and (is_ours is None or is_ours(response.json()))
            except (httpx2.HTTPError, ValueError):  # not HTTP, or not JSON: another program answers
                return False

    return ready

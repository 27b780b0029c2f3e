"""What a supervisor starts: a command, and how one knows that it is really ready."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2

__all__ = ["Program", "http_ready"]


@dataclass(frozen=True, slots=True)
class Program:
    """One part of a suite.

    Attributes:
        where: What people and clients reach it by.
        ready: Tells whether it can do its work now.
        environment: What it gets beside the supervisor's own environment.
        first: What must have been done before it is started; a ``SetupError`` says why it cannot be.
    """

    name: str
    command: Sequence[str]
    where: str
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[], Awaitable[None]] | None = None


def http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    """Ready is who answers this URL with 200."""

    async def ready() -> bool:
        async with httpx2.AsyncClient(timeout=1.0, trust_env=False) as client:
            try:
                return (await client.get(url)).status_code == httpx2.codes.OK
            except httpx2.HTTPError:
                return False

    return ready

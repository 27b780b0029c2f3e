"""What a process of the orchestrator answers about its version."""

from typing import Final

import httpx2
from pydantic import BaseModel, Field, ValidationError

from perdure.local.loopback import loopback_client

__all__ = ["VersionState", "version_state"]

_ANSWERS_WITHIN: Final = 2.0  # seconds


class VersionState(BaseModel, frozen=True):
    """The version of a process, as of its last look at Temporal.

    Attributes:
        build: Its build id; None if it has no version.
        current: The build on which new runs start; None as long as there is none, or it is not known.
        is_current: Whether new runs start on this one.
        open_runs: How many runs are open on it; None as long as that is not known.
        elsewhere: How many runs are open on each other version, as far as that is known; of the current version only.
        steps: How many steps run in this process.
    """

    build: str | None = None
    current: str | None = None
    is_current: bool
    open_runs: int | None = None
    elsewhere: dict[str, int] = Field(default_factory=dict)
    steps: int

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do any more."""
        return not self.is_current and self.open_runs == 0 and not self.steps


async def version_state(url: str) -> VersionState | None:
    """Return the version of the process at a base URL; None if it does not answer."""
    try:
        async with loopback_client(within=_ANSWERS_WITHIN) as client:
            return VersionState.model_validate((await client.get(f"{url}/readyz")).json()["version"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, ValidationError):
        return None

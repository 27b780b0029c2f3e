"""Looks after versions between rollouts: each runs as long as it has work, and again when it gets some."""

import asyncio
from collections.abc import Callable
from typing import Final

from perdure.errors import SetupError
from perdure.local.current_build import current_build
from perdure.local.services import ORCHESTRATOR
from perdure.local.version_state import VersionState, version_state
from perdure.local.versions import Versions
from perdure.values.rollout import NotRunning, Promoted, Retired, RolloutEvent

__all__ = ["VersionCare", "not_running"]

_LOOKS: Final = 3  # in a row that must find the same: Temporal's list of open runs may lag behind
_LOOKS_AFTER_FAILURE: Final = 30  # a version that does not start is tried again, but holds up no deploy


class VersionCare:
    """Stops versions without work, starts those that get work, and follows a promotion by ``perdure versions``.

    Args:
        versions: The processes by version.
        report: Called with what happens.
    """

    def __init__(self, versions: Versions, report: Callable[[RolloutEvent], None]) -> None:
        self._versions = versions
        self._report = report
        self._seen: dict[tuple[str, str], int] = {}
        self._failed: set[str] = set()

    async def look(self) -> None:
        """Look once; no rollout may be under way."""
        state = await version_state(self._versions.url(ORCHESTRATOR))
        if state is not None:
            await self._follow(state)
            for build in sorted(
                self._versions.kept_builds - self._versions.running_beside - {self._versions.code.build}
            ):
                if self._holds("wanted", build, build in state.elsewhere):
                    await self._start(build, state.elsewhere[build])
        for build in sorted(self._versions.running_beside):
            await self._retire(build)

    async def _follow(self, state: VersionState) -> None:
        """Let the processes of a version that was promoted elsewhere be those of the code of today."""
        build = state.current or ""
        is_other = build in {*self._versions.kept_builds} - {self._versions.code.build}
        if not self._holds("current", build, is_other):
            return
        if await current_build(self._versions.environment(self._versions.code)) != build:
            return
        before, code = self._versions.code.build, self._versions.kept(build)
        try:
            await self._versions.start(code)
        except SetupError as error:
            self._report_failure(build, state.elsewhere.get(build, 0), error)
            return
        self._versions.take_over(code)
        self._failed.discard(build)
        self._report(Promoted(build=build, before=before))

    async def _start(self, build: str, runs: int) -> None:
        failed = await self._versions.start_kept([build])
        if build in failed:
            self._report_failure(build, runs, SetupError(failed[build]))
        else:
            self._failed.discard(build)

    async def _retire(self, build: str) -> None:
        states = await asyncio.gather(
            *(version_state(self._versions.url(it)) for it in self._versions.processes(build))
        )
        if self._holds("idle", build, all(it is not None and it.is_idle for it in states)):
            await self._versions.stop(build)
            self._report(Retired(build=build))

    def _report_failure(self, build: str, runs: int, error: SetupError) -> None:
        if build not in self._failed:
            self._failed.add(build)
            self._report(not_running(self._versions, build, runs, str(error)))

    def _holds(self, what: str, build: str, is_so: bool) -> bool:
        """Return whether something was found several times in a row."""
        key = what, build
        self._seen[key] = self._seen.get(key, 0) + 1 if is_so else 0
        if self._seen[key] < (_LOOKS_AFTER_FAILURE if build in self._failed else _LOOKS):
            return False
        del self._seen[key]
        return True


def not_running(versions: Versions, build: str, runs: int, why: str) -> NotRunning:
    """Return that a version does not run here, with what to do."""
    return NotRunning(
        build=build,
        runs=runs,
        why=f"{why}; put its code and its perdure.yaml into another folder and run there: "
        f"{versions.worker_command(build)}",
    )

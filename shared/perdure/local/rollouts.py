"""The one way in which new code takes over in a running suite: at its start, by SIGHUP, `deploy`, or a changed file.

Nothing about a rollout is stored here: Temporal knows which version is current and which run is on which version, and
the state folder has the snapshots. So one that was killed at any point is continued by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Final

from perdure.builds.version import deployment_name
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.check import refuse_problems
from perdure.local.code import Code
from perdure.local.other_services import OtherServices
from perdure.local.rollout_program import rollout_events
from perdure.local.services import ORCHESTRATOR
from perdure.local.take_code import CodeTaker
from perdure.local.version_state import VersionState, version_state
from perdure.local.versions import Versions
from perdure.values.rollout import (
    FilesLeftOut,
    Finished,
    Gated,
    NotRunning,
    Promoted,
    Retired,
    RolloutEvent,
    RolloutRefused,
    RolloutRequest,
)

__all__ = ["Report", "Rollouts"]

_LOOK_EVERY: Final = 2.0  # seconds
_LOOKS: Final = 3  # in a row that must find a version idle: Temporal's list of open runs may lag behind
_POLL_EVERY: Final = 0.2  # seconds
_KNOWN_WITHIN: Final = 15.0  # seconds

Report = Callable[[RolloutEvent], None]


class Rollouts:
    """Rolls out code, one rollout at a time, and retires versions that have no open run any more.

    Args:
        versions: The processes by version.
        taker: Takes the code that lies here.
        others: The services that run none of it.
        report: Called with what happens.
        check: Raises ``SetupError`` if the services would not start with a configuration or its modules.
    """

    def __init__(
        self,
        versions: Versions,
        taker: CodeTaker,
        others: OtherServices,
        report: Report,
        check: Callable[[Settings], Awaitable[object]] = refuse_problems,
    ) -> None:
        self._versions = versions
        self._taker = taker
        self._others = others
        self._report = report
        self._check = check
        self._lock = asyncio.Lock()
        self._idle: dict[str, int] = {}

    @property
    def build(self) -> str:
        """The build of the code of today."""
        return self._versions.code.build

    async def roll_out(self, request: RolloutRequest, note: Report = lambda _: None) -> Finished | RolloutRefused:
        """Replay every open run against new code, promote it, and move the runs that replay.

        The processes before it run on until their last run has ended. If it is refused, all stays as it was.

        Args:
            request: Which code, and what shall come of it.
            note: Called with what happens, as ``report`` is.
        """

        def report(event: RolloutEvent) -> None:
            self._report(event)
            note(event)

        async with self._lock:
            try:
                code = await self._code(request)
            except SetupError as error:
                report(refused := RolloutRefused(why=f"Nothing was changed. {error}"))
                return refused
            return await self._roll_out(code, request, report)

    async def reload(self) -> None:
        """Roll out the code that lies here, if it or the configuration has changed.

        Raises:
            SetupError: The services would not start with it, or the files change meanwhile.
        """
        async with self._lock:
            code = await self._taker.take_checked(self._check)
            if code.content != self._versions.code.content:
                await self._roll_out(code, RolloutRequest(), self._report)
            else:
                await self._renew_others()

    async def tend(self) -> None:
        """Continue what was not finished when the suite stopped, then stop versions without open runs, for ever."""
        if self._is_versioned:
            await self._continue()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._lock:
                for build in sorted(self._versions.running_beside):
                    await self._look(build)

    async def _continue(self) -> None:
        """Roll out the code with which the suite has started, if other code has run before it here."""
        if not self._versions.others and await self._is_current():
            return
        async with self._lock:
            outcome = await self._roll_out(self._versions.code, RolloutRequest(), self._report)
            if isinstance(outcome, RolloutRefused):  # what ran before goes on
                await self._versions.start_kept(self._versions.others)

    @property
    def _is_versioned(self) -> bool:
        """Whether workers have versions; else all share one queue, and no old code may run beside new code."""
        return self._taker.settings is None or deployment_name(self._taker.settings.temporal) is not None

    async def _renew_others(self) -> None:
        if self._taker.settings is not None:
            await self._others.renew(self._taker.settings)

    async def _is_current(self) -> bool:
        """Return whether Temporal starts new runs on the code of today, once that is known."""
        while True:
            state = await version_state(self._versions.url(ORCHESTRATOR))
            if state is not None and (state.is_current or state.current):
                return state.is_current
            await asyncio.sleep(_POLL_EVERY)

    async def _code(self, request: RolloutRequest) -> Code:
        if request.build is None:
            return await self._taker.take_checked(self._check)
        return self._versions.kept(request.build)

    async def _roll_out(self, code: Code, request: RolloutRequest, report: Report) -> Finished | RolloutRefused:
        if code.snapshot.left_out:
            report(FilesLeftOut(build=code.build, why=code.snapshot.left_out))
        if not (self._is_versioned or request.dry_run or request.all_or_nothing):
            return await self._replace(code, report)
        is_new = code.build not in {self._versions.code.build, *self._versions.running_beside}
        if code.build == self._versions.code.build and code.content != self._versions.code.content:
            await self._versions.renew(code, "files that runs do not depend on have changed")
        try:
            outcome = await self._follow(code, request, report)
        except SetupError as error:  # the new code does not start
            report(outcome := RolloutRefused(why=f"Nothing was changed. {error}"))
        if is_new and code.build != self._versions.code.build:  # it was not promoted
            await self._versions.stop(code.build)
            self._versions.remove(code.build)
        return outcome

    async def _replace(self, code: Code, report: Report) -> Finished:
        """Start the processes anew with other code, in place of theirs: without versions no run can stay on the old."""
        await self._versions.renew(code, "the code or the configuration has changed")
        self._versions.forget(but=())
        await self._renew_others()
        report(outcome := Finished(build=code.build, moved=0, stays=0, open_runs={}))
        return outcome

    async def _follow(self, code: Code, request: RolloutRequest, report: Report) -> Finished | RolloutRefused:
        outcome: Finished | RolloutRefused = RolloutRefused(why="The rollout has not ended. Repeat it: it continues.")
        async with aclosing(rollout_events(request, self._versions.environment(code))) as events:
            async for event in events:
                report(event)
                match event:
                    case Gated() if not request.dry_run and not (request.all_or_nothing and event.differ):
                        await self._run_beside(code, event.open_runs, report)
                    case Promoted():
                        self._versions.take_over(code)
                        await self._until_known()
                        await self._renew_others()
                    case Finished() | RolloutRefused():
                        outcome = event
        if isinstance(outcome, Finished) and not outcome.dry_run:
            self._versions.forget(but=outcome.open_runs)
        return outcome

    async def _until_known(self) -> None:
        """Wait until the processes know which version is current: then the bridge of no other starts runs any more."""
        with suppress(TimeoutError):  # one that does not answer will ask Temporal before it starts anything
            async with asyncio.timeout(_KNOWN_WITHIN):
                for name in self._versions.names:
                    while not _knows(await version_state(self._versions.url(name)), self._versions.code.build):
                        await asyncio.sleep(_POLL_EVERY)

    async def _run_beside(self, code: Code, open_runs: Mapping[str, int], report: Report) -> None:
        await self._versions.start(code)
        failed = await self._versions.start_kept({build for build in open_runs if build} - {code.build})
        for build, why in failed.items():
            report(NotRunning(build=build, runs=open_runs[build], why=f"{why}; {_advice(build)}"))

    async def _look(self, build: str) -> None:
        states = [await version_state(self._versions.url(name)) for name in self._versions.processes(build)]
        is_idle = all(it is not None and it.is_idle for it in states)
        self._idle[build] = self._idle.get(build, 0) + 1 if is_idle else 0
        if self._idle[build] >= _LOOKS:
            del self._idle[build]
            await self._versions.stop(build)
            self._report(Retired(build=build))


def _knows(state: VersionState | None, current: str) -> bool:
    return state is not None and state.current == current


def _advice(build: str) -> str:
    return (
        f"put its code into another folder and run there: PERDURE_BUILD_ID={build} python -m perdure_orchestrator "
        "--role worker"
    )

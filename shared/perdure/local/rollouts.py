"""The one way in which new code takes over in a running suite: at its start, by SIGHUP, `deploy`, or a changed file.

Nothing about a rollout is stored here: Temporal knows which version is current and which run is on which version, and
the state folder has the snapshots. So one that was killed at any point is continued by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from perdure.builds.version import deployment_name
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.check import refuse_problems
from perdure.local.code import Code
from perdure.local.current_build import current_build
from perdure.local.other_services import OtherServices
from perdure.local.rollout_program import rollout_events
from perdure.local.services import ORCHESTRATOR
from perdure.local.take_code import CodeTaker, Draft
from perdure.local.version_care import VersionCare, not_running
from perdure.local.version_state import version_state
from perdure.local.versions import Versions
from perdure.values.rollout import (
    FilesLeftOut,
    Finished,
    Gated,
    Promoted,
    RolloutEvent,
    RolloutRefused,
    RolloutRequest,
)

__all__ = ["Report", "Rollouts"]

_LOOK_EVERY: Final = 2.0  # seconds
_POLL_EVERY: Final = 0.2  # seconds

Report = Callable[[RolloutEvent], None]


@dataclass(slots=True)
class _Candidate:
    """What is rolled out.

    Attributes:
        code: The code.
        draft: As what it was copied; None if it was kept before.
        is_promoted: Whether new runs start on it since this rollout.
    """

    code: Code
    draft: Draft | None = None
    is_promoted: bool = False


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
        self._care = VersionCare(versions, report)

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
                candidate = await self._candidate(request)
            except SetupError as error:
                report(refused := RolloutRefused(why=f"Nothing was changed. {error}"))
                return refused
            return await self._roll_out(candidate, request, report)

    async def reload(self) -> None:
        """Roll out the code that lies here, if it or the configuration has changed.

        Raises:
            SetupError: The services would not start with it, or the files change meanwhile.
        """
        async with self._lock:
            draft = await self._taker.draft_checked(self._check)
            if draft.code.content != self._versions.code.content:
                await self._roll_out(_Candidate(draft.code, draft), RolloutRequest(), self._report)
            else:
                await self._renew_others()

    async def tend(self) -> None:
        """Continue what was not finished when the suite stopped, then look after the versions, for ever."""
        if _is_versioned(self._taker.settings):
            await self._continue()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._lock:
                await self._care.look()

    async def _continue(self) -> None:
        """Roll out the code with which the suite has started, if other code has run before it here."""
        if not self._versions.others and await self._is_current():
            return
        async with self._lock:
            outcome = await self._roll_out(_Candidate(self._versions.code), RolloutRequest(), self._report)
            if isinstance(outcome, RolloutRefused):  # what ran before goes on
                await self._versions.start_kept(self._versions.others)

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

    async def _candidate(self, request: RolloutRequest) -> _Candidate:
        if request.build is not None:
            return _Candidate(self._versions.kept(request.build))
        draft = await self._taker.draft_checked(self._check)
        return _Candidate(draft.code, draft)

    async def _roll_out(
        self, candidate: _Candidate, request: RolloutRequest, report: Report
    ) -> Finished | RolloutRefused:
        build, settings = candidate.code.build, candidate.draft.settings if candidate.draft else self._taker.settings
        if left_out := candidate.code.snapshot.left_out:
            report(FilesLeftOut(build=build, why=left_out))
        running, kept = self._versions.running_beside, self._versions.kept_builds
        try:
            if not (_is_versioned(settings) or request.dry_run or request.all_or_nothing):
                return await self._replace(candidate, report)
            outcome = await self._follow(candidate, request, report)
        except SetupError as error:  # the new code does not start, or the disk is full
            what = "Nothing was changed."
            if candidate.is_promoted:
                what = f"Version {build} is current, but not all that belongs to it was done. Repeat it: it continues."
            report(outcome := RolloutRefused(why=f"{what} {error}"))
        if build != self._versions.code.build and not request.dry_run:
            await self._give_up(build, was_running=build in running, was_kept=build in kept)
        return outcome

    async def _give_up(self, build: str, *, was_running: bool, was_kept: bool) -> None:
        """Stop and forget what was made for a rollout that came to nothing, unless the build may be current after all.

        As long as that is not known it goes on, and is looked after like every version.
        """
        current = await current_build(self._versions.environment(self._versions.code))
        if current == build and build in self._versions.running_beside & self._versions.kept_builds:
            self._versions.take_over(self._versions.kept(build))
        elif current not in {build, None}:
            if not was_running:
                await self._versions.stop(build)
            if not was_kept:
                self._versions.remove(build)

    async def _replace(self, candidate: _Candidate, report: Report) -> Finished:
        """Start the processes anew with other code, in place of theirs: without versions no run can stay on the old."""
        self._keep(candidate)
        await self._versions.renew(candidate.code, "the code or the configuration has changed")
        self._versions.forget(but=())
        await self._apply(candidate)
        report(outcome := Finished(build=candidate.code.build, moved=0, stays=0, open_runs={}))
        return outcome

    def _keep(self, candidate: _Candidate) -> None:
        if candidate.draft is not None:
            candidate.code = self._taker.keep(candidate.draft)
            self._versions.keep(candidate.code)

    async def _apply(self, candidate: _Candidate) -> None:
        if candidate.draft is not None:
            self._taker.apply(candidate.draft)
        await self._renew_others()

    async def _follow(
        self, candidate: _Candidate, request: RolloutRequest, report: Report
    ) -> Finished | RolloutRefused:
        outcome: Finished | RolloutRefused = RolloutRefused(why="The rollout has not ended. Repeat it: it continues.")
        async with aclosing(rollout_events(request, self._versions.environment(candidate.code))) as events:
            async for event in events:
                candidate.is_promoted |= isinstance(event, Promoted)
                report(event)
                match event:
                    case Gated() if not request.dry_run and not (request.all_or_nothing and event.differ):
                        await self._run_beside(candidate, event.open_runs, report)
                    case Promoted():
                        self._versions.take_over(candidate.code)
                        await self._versions.until_known()
                        await self._apply(candidate)
                    case Finished() | RolloutRefused():
                        outcome = event
        if isinstance(outcome, Finished) and not outcome.dry_run:
            self._versions.forget(but=outcome.open_runs)
        return outcome

    async def _run_beside(self, candidate: _Candidate, open_runs: Mapping[str, int], report: Report) -> None:
        """Start the code, keep it, and start the versions on which runs are open: all before it is promoted."""
        await self._versions.start(candidate.code)
        self._keep(candidate)
        failed = await self._versions.start_kept({build for build in open_runs if build} - {candidate.code.build})
        for build, why in failed.items():
            report(not_running(self._versions, build, open_runs[build], why))


def _is_versioned(settings: Settings | None) -> bool:
    """Return whether workers have versions; else all share one queue, and no old code may run beside new code."""
    return settings is None or deployment_name(settings.temporal) is not None

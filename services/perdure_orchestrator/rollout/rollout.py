"""Rolls out the code of this process at Temporal.

Each step finds out from Temporal what is so: a rollout that was killed is continued by the next one.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from temporalio.service import RPCError

from perdure.contracts import VersionChanged
from perdure.errors import PerdureError, SetupError, Unavailable
from perdure.values.rollout import Finished, Gated, Moved, Promoted, RolloutEvent, RolloutRefused, RolloutRequest, Stays
from perdure.values.version_request import VersionAnswer
from perdure.versions.acts import VersionActs
from perdure.versions.for_each import for_each
from perdure.versions.version_runs import VersionRuns
from perdure_orchestrator.rollout.open_runs import ProvenRun, ProvenRuns

__all__ = ["Rollout"]

_POLLS_WITHIN: Final = 90.0  # seconds
_MOVES_WITHIN: Final = 60.0  # seconds; a Temporal that was killed learns anew which versions poll a task queue
_ROUNDS: Final = 10
_KNOWN_AFTER: Final = 1.5  # seconds; each second, bridges ask which version is current, and start runs on that


class Rollout:
    """One rollout.

    Args:
        acts: Promotes it.
        version_runs: Moves runs.
        open_runs: Replays every open run against the code of this process.
        record: Puts a change on ADMIN.
        report: Called with each step.
        go_ahead: Returns once the workers of the build have started: only then is it promoted.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        acts: VersionActs,
        version_runs: VersionRuns,
        open_runs: ProvenRuns,
        *,
        record: Callable[[VersionChanged], Awaitable[None]],
        report: Callable[[RolloutEvent], None],
        go_ahead: Callable[[], Awaitable[None]],
    ) -> None:
        self._acts = acts
        self._version_runs = version_runs
        self._runs = open_runs
        self._build = open_runs.build
        self._record = record
        self._report = report
        self._go_ahead = go_ahead
        self._moved: dict[str, str] = {}  # where runs were before that this rollout has moved, by Temporal's run id

    async def run(self, request: RolloutRequest) -> None:
        """Replay all open runs, promote the build, and move the runs that replay.

        Raises:
            RPCError: Temporal does not answer.
            NotFound: No worker of it has ever polled.
            PerdureError: None polls now, or another version was promoted meanwhile.
            SetupError: The code does not load.
            Unavailable: A server does not answer, or does not move a run.
        """
        seen = await self._acts.current()
        runs = await self._runs.look()
        differ = [run for run in runs if self._differs(run)]
        self._report(Gated(build=self._build, runs=len(runs), differ=len(differ), open_runs=_by_build(runs)))
        if request.all_or_nothing and differ:
            self._refuse(differ, len(runs))
        elif request.dry_run:
            self._finish(runs, moved=sum(map(self._may_move, runs)), dry_run=True)
        else:
            await self._go_ahead()
            if request.all_or_nothing or any(run.place.floats for run in runs):  # some may have gone on meanwhile
                runs = await self._runs.look()
                differ = [run for run in runs if self._differs(run)]
            if request.all_or_nothing and differ:
                self._refuse(differ, len(runs))
                return
            made = await self._hold_and_promote(differ, seen, goes_back=request.build is not None)
            left = await self._take_over()
            await self._record_moves(made, left)
            self._finish(left, moved=len(self._moved))

    async def _hold_and_promote(
        self, differ: Sequence[ProvenRun], seen: str | None, *, goes_back: bool
    ) -> VersionAnswer:
        try:
            await for_each(differ, self._hold)
            return await self._promote(seen, goes_back=goes_back)
        except (PerdureError, RPCError):
            current = await self._acts.current()
            if current != self._build:  # they may go on with what is current, whatever that will be
                await for_each([run for run in differ if run.build == current], self._release)
            raise

    async def _promote(self, seen: str | None, *, goes_back: bool) -> VersionAnswer:
        """Promote the build and record it, also if it is so already: a killed rollout may not have recorded it."""
        made = await self._acts.promote(self._build, within=_POLLS_WITHIN, after=(seen,))
        self._report(Promoted(build=self._build, before=made.before if made.changed else None))
        if made.at is not None:
            await self._record(
                VersionChanged(
                    act="rolled_back" if goes_back else "promoted",
                    deployment=made.deployment,
                    build=self._build,
                    before=made.before,
                    by=made.by,
                    at=made.at,
                )
            )
        if made.changed:
            await asyncio.sleep(_KNOWN_AFTER)
        return made

    async def _record_moves(self, made: VersionAnswer, runs: Sequence[ProvenRun]) -> None:
        stays = sum(map(self._differs, runs))
        if self._moved or (made.changed and stays):
            await self._record(
                VersionChanged(
                    act="rolled_out",
                    deployment=made.deployment,
                    build=self._build,
                    moved=len(self._moved),
                    stays=stays,
                    by=self._acts.by,
                    at=datetime.now(UTC),
                )
            )

    async def _take_over(self) -> Sequence[ProvenRun]:
        """Move runs; return where all of them are then."""
        for _ in range(_ROUNDS):
            # Runs may have begun or gone on with the code before, until they were moved: those are proven anew.
            if (current := await self._acts.current()) != self._build:
                raise PerdureError(
                    f"Version {current} was promoted while this deploy moved runs to {self._build}: {len(self._moved)} "
                    "were moved. `perdure versions` shows where runs are; deploy what shall be current."
                )
            runs = await self._runs.look()
            if not any(await for_each(runs, self._settle)):
                return runs
        raise SetupError("Runs move back and forth: does their code do the same in every replay?")

    async def _settle(self, run: ProvenRun) -> bool:
        """Move a run to where it replays; returns whether it was moved."""
        if run.place.is_held and run.replay.replays and run.build == self._build:
            await self._release(run)
            return False
        if self._may_move(run):
            return await self._move(run)
        return run.build == self._build and not run.replay.replays and await self._move_back(run)

    def _may_move(self, run: ProvenRun) -> bool:
        return run.replay.replays and run.build not in {None, self._build}

    def _differs(self, run: ProvenRun) -> bool:
        return not run.replay.replays and run.build != self._build

    async def _move(self, run: ProvenRun) -> bool:
        if not await self._go_on(run, self._build):
            return False
        self._runs.expect(run)
        known, before = run.replay, self._moved.setdefault(run.replay.run_id, run.build or "")
        self._report(
            Moved(run=known.run, run_id=known.run_id, workflow=known.workflow, before=before, build=self._build)
        )
        return True

    async def _move_back(self, run: ProvenRun) -> bool:
        """Move a run back to the version that knows its history; a bug of the build itself stays where it is."""
        before = self._moved.pop(run.replay.run_id, None) or run.place.last
        return before not in {None, self._build} and await self._go_on(run, str(before))

    async def _hold(self, run: ProvenRun) -> None:
        """Keep a run on its version that would go with the promoted one, by its author's will."""
        if run.place.floats and run.place.last is not None:
            await self._go_on(run, run.place.last, stays=True)

    async def _release(self, run: ProvenRun) -> None:
        """Let a run follow the current version again, by its author's will."""
        if run.place.floats or run.place.is_held:
            await self._version_runs.release(run.place.workflow_id, run.place.run_id)

    async def _go_on(self, run: ProvenRun, build: str, *, stays: bool = False) -> bool:
        """Let a run go on with a build; returns whether it has not ended."""
        made = await self._version_runs.move(
            run.place.workflow_id, run.place.run_id, build, stays=stays, within=_MOVES_WITHIN
        )
        if made.outcome == "refused":
            raise Unavailable(f"Temporal does not move {made.workflow_id} to {build}: {made.why}")
        return made.outcome == "moved"

    def _finish(self, runs: Sequence[ProvenRun], *, moved: int, dry_run: bool = False) -> None:
        stays = [run for run in runs if self._differs(run)]
        self._report_stays(stays)
        left = _by_build(runs)
        self._report(Finished(build=self._build, moved=moved, stays=len(stays), open_runs=left, dry_run=dry_run))

    def _refuse(self, differ: Sequence[ProvenRun], count: int) -> None:
        self._report_stays(differ)
        self._report(RolloutRefused(why=f"Nothing was changed: {len(differ)} of {count} open runs do not replay."))

    def _report_stays(self, runs: Iterable[ProvenRun]) -> None:
        for run in runs:
            known, build = run.replay, run.build or ""
            self._report(
                Stays(
                    run=known.run,
                    run_id=known.run_id,
                    workflow=known.workflow,
                    build=build,
                    line=known.line,
                    why=known.sentence,
                )
            )


def _by_build(runs: Iterable[ProvenRun]) -> dict[str, int]:
    return dict(Counter(run.build or "" for run in runs))

"""A sample of runs: at most so many of each workflow and version."""

from collections import Counter
from collections.abc import AsyncIterator

from perdure.values.replay import SampledRuns
from perdure_orchestrator.replay.corpus import RecordedRun

__all__ = ["Sample"]


class Sample:
    """The runs to replay.

    Args:
        most: Of each workflow and version; None for all.
        workflow: Only runs of this workflow; None for all.
    """

    def __init__(self, most: int | None, workflow: str | None) -> None:
        self._most = most
        self._workflow = workflow
        self._known = Counter[tuple[str, str | None]]()
        self.runs: list[RecordedRun] = []

    async def take(self, runs: AsyncIterator[RecordedRun]) -> None:
        """Take the first ones of each workflow and version."""
        async for run in runs:
            if self._workflow in {None, run.workflow}:
                self._known[run.workflow, run.build] += 1
                if self._most is None or self._known[run.workflow, run.build] <= self._most:
                    self.runs.append(run)

    def groups(self) -> list[SampledRuns]:
        """Return how many runs of each workflow and version there are, and how many of them are in the sample."""
        order = sorted(self._known, key=lambda it: (it[0], it[1] or ""))
        return [
            SampledRuns(workflow=workflow, build=build, replayed=min(count, self._most or count), of=count)
            for workflow, build in order
            for count in [self._known[workflow, build]]
        ]

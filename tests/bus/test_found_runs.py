"""Runs are found page by page by a condition, each once; the list shows those of them that its other options admit."""

import json
from datetime import UTC, datetime

import pytest

from perdure.bus.views.found_runs import find_runs
from perdure.contracts.runs import FIND_RUNS, FoundRun, FoundRuns, RunSearch
from perdure.errors import WrongArgument


class Orchestrator:
    """Answers searches from these pages."""

    def __init__(self, *pages: list[str], problem: str = "") -> None:
        self.pages, self.problem = pages, problem
        self.searches: list[RunSearch] = []

    async def request(self, subject: str, body: bytes) -> bytes:
        assert subject == FIND_RUNS
        search = RunSearch.model_validate(json.loads(body))
        self.searches.append(search)
        if self.problem:
            return FoundRuns(problem=self.problem).model_dump_json().encode()
        number = int(search.page or 0)
        runs = tuple(
            FoundRun(workflow="W", workflow_id=it, run_id=it, status="RUNNING", started_at=datetime.now(UTC))
            for it in self.pages[number]
        )
        following = "" if number + 1 == len(self.pages) else str(number + 1)
        return FoundRuns(runs=runs, next=following).model_dump_json().encode()


async def test_all_pages_are_read_and_a_continued_run_is_found_once() -> None:
    bus = Orchestrator(["c", "b"], [], ["b", "a"])

    assert [run.workflow_id async for run in find_runs(bus, "x = 1", page_size=2)] == ["c", "b", "a"]
    assert {(it.where, it.limit) for it in bus.searches} == {("x = 1", 2)}


async def test_a_condition_that_temporal_refuses_is_a_wrong_argument() -> None:
    with pytest.raises(WrongArgument, match="does not take it"):
        async for _ in find_runs(Orchestrator(problem="Temporal does not take it."), "x"):
            pass

"""Finds runs by a condition on their search attributes: the one filter of commands that list runs or act on many."""

from collections.abc import AsyncGenerator
from typing import Protocol

from perdure.contracts.runs import FIND_RUNS, MOST_FOUND, FoundRun, FoundRuns, RunSearch
from perdure.errors import WrongArgument

__all__ = ["Requests", "find_runs"]


class Requests(Protocol):
    """A bus over which requests can be sent."""

    async def request(self, subject: str, body: bytes) -> bytes:
        """Send a request, and return the body of its reply."""
        ...


async def find_runs(bus: Requests, where: str, *, page_size: int = MOST_FOUND) -> AsyncGenerator[FoundRun]:
    """Yield the runs that Temporal finds by a visibility query, newest first, each workflow id once.

    Args:
        bus: The bus, on which the orchestrator answers.
        where: The query, such as ``CustomerId = "ACME" AND ExecutionStatus = "Running"``; empty for all runs.
        page_size: How many runs are asked for at once.

    Raises:
        WrongArgument: Temporal does not take the query; the sentence says why.
        Unavailable: The orchestrator does not answer.
    """
    seen: set[str] = set()
    page = ""
    while True:
        search = RunSearch(where=where, limit=page_size, page=page)
        answer = FoundRuns.model_validate_json(await bus.request(FIND_RUNS, search.model_dump_json().encode()))
        if answer.problem:
            raise WrongArgument(answer.problem)
        for run in answer.runs:
            if run.workflow_id not in seen:
                seen.add(run.workflow_id)
                yield run
        if not answer.next:
            return
        page = answer.next

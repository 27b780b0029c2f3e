"""Compares the ledger with Temporal: each start, signal and ending in a history must have its leaf."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.bus.envelope import header_value
from perdure.bus.views.found_runs import Requests
from perdure.contracts.histories import LIST_HISTORIES, Histories, HistoriesQuery, RunHistory
from perdure.ledger import Discrepancy, Kept
from perdure.ledger.recorded import RecordedRuns

__all__ = ["FRESH", "TemporalComparison", "runs_without_leaves"]

FRESH: Final = timedelta(minutes=1)
"""What happened so short ago may not be recorded yet."""

_MOST: Final = 1_000  # faults that are listed: more say nothing more
_WITHOUT: Final = "and no leaf of"


@dataclass
class TemporalComparison:
    """What a comparison has found.

    Attributes:
        faults: Each start, signal and ending without a leaf, at most 1,000.
        compared: How many executions were compared.
        notes: What could not be compared, a sentence each.
    """

    faults: list[Discrepancy] = field(default_factory=list)
    compared: int = 0
    notes: list[str] = field(default_factory=list)


async def runs_without_leaves(
    bus: Requests,
    leaves: AsyncIterator[Iterable[tuple[int, bytes, Kept | None]]],
    *,
    fresh: timedelta = FRESH,
) -> TemporalComparison:
    """Compare each execution that Temporal still has with the ledger.

    Args:
        bus: The bus, on which the orchestrator answers.
        leaves: All leaves, as ``perdure.record`` yields them.
        fresh: Executions that began or ended so short ago are compared another time.

    Raises:
        Unavailable: The orchestrator does not answer.
    """
    until = datetime.now(UTC) - fresh  # before the leaves are read: what came later may have none
    runs = [run async for run in _histories(bus)]
    recorded = RecordedRuns()
    async for some in leaves:
        for _, entry, kept in some:
            recorded.take(entry, kept)
    return _compared(runs, recorded, until)


async def _histories(bus: Requests) -> AsyncIterator[RunHistory]:
    page = ""
    while True:
        query = HistoriesQuery(page=page).model_dump_json().encode()
        answer = Histories.model_validate_json(await bus.request(LIST_HISTORIES, query))
        for run in answer.runs:
            yield run
        if not (page := answer.next):
            return


def _compared(runs: Iterable[RunHistory], recorded: RecordedRuns, until: datetime) -> TemporalComparison:
    result, known = TemporalComparison(), set[str]()
    older = young = cut = 0
    for run in runs:
        known.add(header_value(run.workflow_id))
        if recorded.began_at is None or run.started_at < recorded.began_at:
            older += 1
        elif max(run.started_at, run.closed_at or run.started_at) > until:
            young += 1
        else:
            result.compared += 1
            cut += not run.is_whole
            result.faults += [Discrepancy("completeness", None, it) for it in _faults(run, recorded)]
    del result.faults[_MOST:]
    forgotten = sum(known.isdisjoint(forms) for forms in recorded.started)
    counted = (
        (older, "runs began before the ledger: they are not compared."),
        (young, "runs began or ended a moment ago: compare them another time."),
        (cut, "histories are too long to be read whole: their later signals are not compared."),
        (forgotten, "recorded starts have no run in Temporal any more: it removed or erased them, or refused them."),
    )
    result.notes += [f"{count:,} {text}" for count, text in counted if count]
    return result


def _faults(run: RunHistory, recorded: RecordedRuns) -> Iterator[str]:
    which = f"The run {run.workflow_id} of {run.workflow} ({run.run_id})"
    signals = [(it, recorded.has_signal(header_value(it.request_id))) for it in run.signals]
    began_by_signal = any(it.began and has_leaf for it, has_leaf in signals)
    if run.was_started and not began_by_signal and not recorded.has_start(header_value(run.workflow_id), run.digest):
        yield f"{which} was started, {_WITHOUT} a start is there: somebody started it past Perdure."
    for signal, has_leaf in signals:
        if not has_leaf:
            yield f"{which} received the signal {signal.name}, {_WITHOUT} it is there ({signal.request_id})."
    if run.ending is not None and not recorded.has_ending(run.run_id, run.ending):
        yield f"{which} has {run.ending.replace('_', ' ')}, {_WITHOUT} this ending is there."

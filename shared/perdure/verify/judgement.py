"""Compares the expected events with the observations: a pure function from records to violations."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from perdure.contracts import ENDINGS, ProgressKind
from perdure.verify.grouping import group_by
from perdure.verify.outcomes import events_without_verdict, wrong_outcomes
from perdure.verify.receipts import wrong_receipts
from perdure.verify.records import Execution, Expected, Fact, Observations, Recorded

__all__ = ["CHECKS", "Comparison", "Violation", "judge"]

CHECKS: Final = {
    "published": "every event is in EVENTS",
    "outcome": "every event became what its verdict says: a run for each route, a dead letter, or nothing",
    "verdict": "every event has a verdict, but those of routes without verdicts",
    "ending": "every run that ended published one ending, the same as Temporal's",
    "progress": "the facts of every run are numbered without a gap, up to its ending",
    "audit": "every message in every stream is in the audit store, unchanged",
    "decision": "every decision has one receipt",
    "consumer": "once all runs have ended, no message waits in a durable consumer",
    "process": "once all runs have ended, every process of the suite is ready and goes on",
}
"""The checks, with what holds if they find no violation."""

_ENDING_OF: Final[dict[str, ProgressKind]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "TERMINATED": "terminated",
    "TIMED_OUT": "timed_out",
}
_CONTINUED: Final = "CONTINUED_AS_NEW"  # counts as one run with the execution that follows
_MAX_NAMED: Final = 10  # missing numbers that a violation lists


@dataclass(frozen=True, slots=True)
class Violation:
    """A failed check.

    Attributes:
        check: One of ``CHECKS``.
        id: An event id, a workflow id, or ``<stream>.<sequence>``.
        detail: What is wrong.
    """

    check: str
    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        checked: How many items each check covered.
        violations: The failed checks.
        open_runs: Workflow ids of the runs that have not ended.
        lost: Workflow ids of runs that never began, since a stream was deleted that held their command.
    """

    checked: Mapping[str, int]
    violations: Sequence[Violation]
    open_runs: Sequence[str] = ()
    lost: Sequence[str] = ()


def judge(
    expected: Sequence[Expected],
    seen: Observations,
    *,
    runs_per_event: int = 1,
    ended: bool = False,
    silent: Sequence[str] = (),
) -> Comparison:
    """Compare the expected events with the observations.

    Only runs that an expected event started are checked; all messages are.

    Args:
        expected: The events that were published.
        seen: What the sources hold.
        runs_per_event: How many routes take each event at least; more count if its verdict, or COMMANDS, names more.
        ended: Whether every run must have ended.
        silent: Patterns of the event types of routes without verdicts.
    """
    ids = {event.id for event in expected}
    runs = [run for run in seen.executions if run.event_id in ids and run.status != _CONTINUED]
    made = [run for run in runs if not run.is_extra]
    facts = group_by(seen.facts, lambda fact: fact.workflow_id)
    workflow_ids = list(dict.fromkeys(run.workflow_id for run in runs))
    violations = [
        *_published(expected, seen),
        *(Violation("outcome", *wrong) for wrong in wrong_outcomes(expected, seen, made, runs_per_event, ended=ended)),
        *(Violation("verdict", *lacking) for lacking in events_without_verdict(expected, seen, silent)),
        *(
            violation
            for run in runs
            for violation in _ending(run, facts.get(run.workflow_id, ()), ended=ended, seen=seen)
        ),
        *_wrong_endings(expected, made, seen),
        *_unknown_runs(ids, seen),
        *(violation for id_ in workflow_ids for violation in _progress(id_, facts.get(id_, ()))),
        *_audit(seen),
        *(Violation("decision", *wrong) for wrong in wrong_receipts(seen, ended=ended)),
        *(_unfinished(seen) if ended else ()),
    ]
    events, entries = len(expected), len(seen.stream_entries)
    counts = (events, events, events, len(runs), len(workflow_ids), entries)
    checked = (*counts, len(seen.decisions), len(seen.outstanding), len(seen.processes))
    open_runs = sorted({run.workflow_id for run in runs if run.status not in _ENDING_OF})
    lost = sorted(seen.unhandled - {run.workflow_id for run in seen.executions})
    return Comparison(dict(zip(CHECKS, checked, strict=True)), violations, open_runs, lost)


def _published(expected: Sequence[Expected], seen: Observations) -> Iterator[Violation]:
    subjects = group_by(seen.published, lambda event: event.id)
    for event in expected:
        found = {it.subject for it in subjects.get(event.id, ())}
        if not found:
            yield Violation("published", event.id, "it is not in EVENTS")
        elif wrong := found - {f"events.{event.type}"}:
            yield Violation("published", event.id, f"it is on {', '.join(sorted(wrong))}, not on events.{event.type}")


def _ending(run: Execution, facts: Sequence[Fact], *, ended: bool, seen: Observations) -> Iterator[Violation]:
    published = [fact.kind for fact in facts if fact.run_id == run.run_id and fact.kind in ENDINGS]
    expected = _ENDING_OF.get(run.status)
    if expected is None and not published:
        if ended and run.workflow_id not in seen.unhandled:  # what it waits for may have gone with a deleted stream
            yield Violation("ending", run.workflow_id, f"run {run.run_id} has not ended: {run.status}")
    elif published != [expected]:
        endings = ", ".join(published) or "no ending"
        detail = f"run {run.run_id} is {run.status} in Temporal, but published {endings}"
        yield Violation("ending", run.workflow_id, detail)


def _wrong_endings(expected: Sequence[Expected], runs: Sequence[Execution], seen: Observations) -> Iterator[Violation]:
    runs_of = group_by(runs, lambda run: run.event_id)
    for event in expected:
        for run in runs_of.get(event.id, ()) if event.ending else ():
            kind = _ENDING_OF.get(run.status)
            if kind not in {None, event.ending} and run.workflow_id not in seen.unhandled:
                yield Violation("ending", run.workflow_id, f"run {run.run_id} is {kind}; expected {event.ending}")


def _unfinished(seen: Observations) -> Iterator[Violation]:
    for consumer, count in seen.outstanding.items():
        if count:
            yield Violation("consumer", consumer, f"{count} messages are not acknowledged")
    for process in seen.processes:
        if process.problem:
            yield Violation("process", process.name, process.problem)


def _unknown_runs(ids: set[str], seen: Observations) -> Iterator[Violation]:
    known = {(run.workflow_id, run.run_id) for run in seen.executions}
    published = dict.fromkeys((fact.workflow_id, fact.run_id) for fact in seen.facts if fact.event_id in ids)
    for workflow_id, run_id in published:
        if (workflow_id, run_id) not in known:
            yield Violation("ending", workflow_id, f"run {run_id} is in PROGRESS, but Temporal does not know it")


def _progress(workflow_id: str, facts: Sequence[Fact]) -> Iterator[Violation]:
    numbers = {fact.number for fact in facts}
    ends = sorted((fact for fact in facts if fact.kind in ENDINGS), key=lambda fact: fact.stream_sequence)
    last = ends[-1].number if ends else max(numbers, default=1)
    if gaps := sorted(set(range(1, last + 1)) - numbers):
        more = f" and {len(gaps) - _MAX_NAMED} more" if len(gaps) > _MAX_NAMED else ""
        missing = ", ".join(map(str, gaps[:_MAX_NAMED]))
        yield Violation("progress", workflow_id, f"missing facts between 1 and {last}: {missing}{more}")
    known: set[str] = set()
    for end in ends:  # several, if the run was tried again
        begun = {fact.run_id for fact in facts if fact.stream_sequence <= end.stream_sequence}
        for fact in facts:
            is_late = fact.number >= end.number or fact.stream_sequence > end.stream_sequence
            if fact is not end and is_late and fact.run_id in begun - known:
                yield Violation("progress", workflow_id, f"{fact.kind} ({fact.number}) comes after {end.kind}")
        known |= begun


def _audit(seen: Observations) -> Iterator[Violation]:
    recorded: dict[tuple[str, int], list[Recorded]] = defaultdict(list)
    for row in seen.recorded:
        recorded[row.stream, row.sequence].append(row)
    for message in seen.stream_entries:
        rows = recorded.get((message.stream, message.sequence), [])  # several, if the stream was made anew
        same = (it for it in rows if (it.subject, it.digest) == (message.subject, message.digest))
        newest = next(same, rows[-1] if rows else None)
        position = f"{message.stream}.{message.sequence}"
        if newest is None:
            if message in seen.unrecorded:
                continue
            yield Violation("audit", position, f"no record of this message on {message.subject}")
        elif newest.subject != message.subject:
            yield Violation("audit", position, f"recorded on {newest.subject}, but published on {message.subject}")
        elif newest.digest != message.digest:
            detail = f"the recorded body differs from the stream's, on {message.subject}"
            yield Violation("audit", position, detail)

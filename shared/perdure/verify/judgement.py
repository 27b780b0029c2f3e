"""Compares the expected events with the observations: a pure function from records to violations."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure.contracts import ENDINGS, ProgressKind
from perdure.verify.records import DeadLetterRecord, Execution, Expected, Fact, Observations, Recorded

__all__ = ["CHECKS", "Comparison", "Violation", "judge"]

CHECKS: Final = {
    "published": "every event is in EVENTS",
    "outcome": "every event became exactly one run, or one dead letter",
    "ending": "every run that ended published one ending, the same as Temporal's",
    "progress": "the facts of every run are numbered without a gap, up to its ending",
    "audit": "every message in every stream is in the audit store, unchanged",
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

Record = TypeVar("Record")


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
    """

    checked: Mapping[str, int]
    violations: Sequence[Violation]
    open_runs: Sequence[str] = ()


def judge(
    expected: Sequence[Expected], seen: Observations, *, runs_per_event: int = 1, ended: bool = False
) -> Comparison:
    """Compare the expected events with the observations.

    Only runs that an expected event started are checked; all messages are.

    Args:
        expected: The events that were published.
        seen: What the sources hold.
        runs_per_event: How many routes each event matches at least; more count if COMMANDS holds a command of each.
        ended: Whether every run must have ended.
    """
    ids = {event.id for event in expected}
    runs = [run for run in seen.executions if run.event_id in ids and run.status != _CONTINUED]
    facts = _group_by(seen.facts, lambda fact: fact.workflow_id)
    workflow_ids = list(dict.fromkeys(run.workflow_id for run in runs))
    violations = [
        *_published(expected, seen),
        *_outcomes(expected, seen, runs, runs_per_event),
        *(violation for run in runs for violation in _ending(run, facts.get(run.workflow_id, ()), ended=ended)),
        *_unknown_runs(ids, seen),
        *(violation for id_ in workflow_ids for violation in _progress(id_, facts.get(id_, ()))),
        *_audit(seen),
    ]
    checked = (len(expected), len(expected), len(runs), len(workflow_ids), len(seen.stream_entries))
    open_runs = sorted({run.workflow_id for run in runs if run.status not in _ENDING_OF})
    return Comparison(dict(zip(CHECKS, checked, strict=True)), violations, open_runs)


def _published(expected: Sequence[Expected], seen: Observations) -> Iterator[Violation]:
    subjects = _group_by(seen.published, lambda event: event.id)
    for event in expected:
        found = {it.subject for it in subjects.get(event.id, ())}
        if not found:
            yield Violation("published", event.id, "it is not in EVENTS")
        elif wrong := found - {f"events.{event.type}"}:
            yield Violation("published", event.id, f"it is on {', '.join(sorted(wrong))}, not on events.{event.type}")


def _outcomes(
    expected: Sequence[Expected], seen: Observations, runs: Sequence[Execution], runs_per_event: int
) -> Iterator[Violation]:
    runs_of, dead_letters_of = _group_by(runs, lambda run: run.event_id), _dead_letters_by_event(seen)
    commands_of = _group_by(seen.commands, lambda command: command.event_id)
    for event in expected:
        ran, dead = runs_of.get(event.id, ()), dead_letters_of.get(event.id, ())
        by_ingest = sum(it.stream == "EVENTS" for it in dead)
        downstream = len(dead) - by_ingest
        found = f"{_list_runs(ran)}, {_list_dead_letters(dead)}"
        refused = by_ingest == 1 and not downstream and not ran
        routes = {it.route for it in commands_of.get(event.id, ())}
        routed = not by_ingest and len(ran) + downstream == max(runs_per_event, len(routes))
        if not (refused or routed):
            yield Violation("outcome", event.id, found)
        elif (event.outcome == "run" and dead) or (event.outcome == "dead_letter" and ran):
            yield Violation("outcome", event.id, f"{found}; expected a {event.outcome.replace('_', ' ')}")


def _dead_letters_by_event(seen: Observations) -> dict[str, list[DeadLetterRecord]]:
    """Group dead letters by event id, taken from the original message while its stream still holds it."""
    event_ids = {("EVENTS", it.sequence): it.id for it in seen.published}
    event_ids |= {("COMMANDS", it.sequence): it.event_id for it in seen.commands}
    published = _group_by(seen.published, lambda event: event.id)
    found: dict[str, list[DeadLetterRecord]] = defaultdict(list)
    for dead_letter in seen.dead_letters:
        event_id = event_ids.get((dead_letter.stream, dead_letter.stream_sequence), dead_letter.event_id)
        if event_id is None:
            continue
        if not _refuses_other_data(dead_letter, {it.digest for it in published.get(event_id, ())}):
            found[event_id].append(dead_letter)
    return found


def _refuses_other_data(dead_letter: DeadLetterRecord, digests: set[str]) -> bool:
    """Return whether the dead letter refuses other data under a used id: that is no outcome of the first event."""
    return dead_letter.reason == "duplicate_id" and len(digests) > 1


def _ending(run: Execution, facts: Sequence[Fact], *, ended: bool) -> Iterator[Violation]:
    published = [fact.kind for fact in facts if fact.run_id == run.run_id and fact.kind in ENDINGS]
    expected = _ENDING_OF.get(run.status)
    if expected is None and not published:
        if ended:
            yield Violation("ending", run.workflow_id, f"run {run.run_id} has not ended: {run.status}")
    elif published != [expected]:
        endings = ", ".join(published) or "no ending"
        detail = f"run {run.run_id} is {run.status} in Temporal, but published {endings}"
        yield Violation("ending", run.workflow_id, detail)


def _unknown_runs(ids: set[str], seen: Observations) -> Iterator[Violation]:
    known = {(run.workflow_id, run.run_id) for run in seen.executions}
    published = dict.fromkeys((fact.workflow_id, fact.run_id) for fact in seen.facts if fact.event_id in ids)
    for workflow_id, run_id in published:
        if (workflow_id, run_id) not in known:
            yield Violation("ending", workflow_id, f"run {run_id} is in PROGRESS, but Temporal does not know it")


def _progress(workflow_id: str, facts: Sequence[Fact]) -> Iterator[Violation]:
    numbers = {fact.number for fact in facts}
    end = next((fact for fact in facts if fact.kind in ENDINGS), None)
    last = end.number if end else max(numbers, default=1)
    if gaps := sorted(set(range(1, last + 1)) - numbers):
        more = f" and {len(gaps) - _MAX_NAMED} more" if len(gaps) > _MAX_NAMED else ""
        missing = ", ".join(map(str, gaps[:_MAX_NAMED]))
        yield Violation("progress", workflow_id, f"missing facts between 1 and {last}: {missing}{more}")
    if end is None:
        return
    for fact in facts:
        if fact is not end and (fact.number >= end.number or fact.stream_sequence > end.stream_sequence):
            yield Violation("progress", workflow_id, f"{fact.kind} ({fact.number}) comes after {end.kind}")


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
            yield Violation("audit", position, f"no record of this message on {message.subject}")
        elif newest.subject != message.subject:
            yield Violation("audit", position, f"recorded on {newest.subject}, but published on {message.subject}")
        elif newest.digest != message.digest:
            detail = f"the recorded body differs from the stream's, on {message.subject}"
            yield Violation("audit", position, detail)


def _list_runs(runs: Sequence[Execution]) -> str:
    named = ", ".join(f"{run.workflow_id} {run.run_id} {run.status}" for run in runs)
    return f"{len(runs)} runs{f' ({named})' if runs else ''}"


def _list_dead_letters(dead_letters: Sequence[DeadLetterRecord]) -> str:
    named = ", ".join(f"DLQ.{it.sequence} {it.reason}" for it in dead_letters)
    return f"{len(dead_letters)} dead letters{f' ({named})' if dead_letters else ''}"


def _group_by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        grouped[key(record)].append(record)
    return grouped

"""What was seen is held against what must be: a pure function from records to violations."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure.contracts import ENDINGS, ProgressKind
from perdure.verify.records import DeadLetterRecord, Execution, Expected, Fact, Observations

__all__ = ["CHECKS", "Verdict", "Violation", "judge"]

CHECKS: Final = {
    "published": "every event lies in EVENTS",
    "outcome": "every event became exactly one run, or one dead letter",
    "ending": "every run said one ending, and it is Temporal's",
    "progress": "every run's facts are numbered without a gap, up to its ending",
    "audit": "every message in every stream is in the audit store as it was said",
}
"""What is checked, and what holds if no violation is found."""

_ENDING_OF: Final[dict[str, ProgressKind]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "TERMINATED": "terminated",
    "TIMED_OUT": "timed_out",
}
_GOES_ON: Final = "CONTINUED_AS_NEW"  # no run of its own, but the beginning of the one that follows
_SHOWN: Final = 10  # numbers named of a gap

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be.

    Attributes:
        check: One of ``CHECKS``.
        id: What it is about: an event, a workflow id, or ``<stream>.<sequence>``.
        detail: What is wrong.
    """

    check: str
    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a comparison.

    Attributes:
        looked_at: Of how many things each check was made.
    """

    looked_at: Mapping[str, int]
    violations: Sequence[Violation]


def judge(expected: Sequence[Expected], seen: Observations, *, runs_per_event: int = 1) -> Verdict:
    """Compare; runs are looked at where an expected event started them, messages all of them.

    Args:
        expected: The events that were published.
        seen: What was found.
        runs_per_event: How many routes each event matches.
    """
    ids = {event.id for event in expected}
    runs = [run for run in seen.executions if run.event_id in ids and run.status != _GOES_ON]
    facts = _by(seen.facts, lambda fact: fact.workflow_id)
    workflow_ids = list(dict.fromkeys(run.workflow_id for run in runs))
    violations = [
        *_published(expected, seen),
        *_outcomes(expected, seen, runs, runs_per_event),
        *(violation for run in runs for violation in _ending(run, facts.get(run.workflow_id, ()))),
        *_unknown_runs(ids, seen),
        *(violation for it in workflow_ids for violation in _numbers(it, facts.get(it, ()))),
        *_audit(seen),
    ]
    looked_at = (len(expected), len(expected), len(runs), len(workflow_ids), len(seen.stream_entries))
    return Verdict(dict(zip(CHECKS, looked_at, strict=True)), violations)


def _published(expected: Sequence[Expected], seen: Observations) -> Iterator[Violation]:
    subjects = _by(seen.published, lambda event: event.id)
    for event in expected:
        found = {it.subject for it in subjects.get(event.id, ())}
        if not found:
            yield Violation("published", event.id, "it is not in EVENTS")
        elif wrong := found - {f"events.{event.type}"}:
            yield Violation("published", event.id, f"it lies on {', '.join(sorted(wrong))}, not on events.{event.type}")


def _outcomes(
    expected: Sequence[Expected], seen: Observations, runs: Sequence[Execution], runs_per_event: int
) -> Iterator[Violation]:
    runs_of, letters_of = _by(runs, lambda run: run.event_id), _letters(seen)
    for event in expected:
        ran, letters = runs_of.get(event.id, ()), letters_of.get(event.id, ())
        at_the_door = sum(letter.stream == "EVENTS" for letter in letters)
        behind_it = len(letters) - at_the_door
        found = ", ".join([_runs(ran), _dead(letters)])
        refused = at_the_door == 1 and not behind_it and not ran
        handed_over = not at_the_door and len(ran) + behind_it == runs_per_event
        if not (refused or handed_over):
            yield Violation("outcome", event.id, found)
        elif (event.outcome == "run" and letters) or (event.outcome == "dead_letter" and ran):
            yield Violation("outcome", event.id, f"{found}; it was to become a {event.outcome.replace('_', ' ')}")


def _letters(seen: Observations) -> dict[str, list[DeadLetterRecord]]:
    """Return the letters about each event; who is meant, the original says where its stream still holds it."""
    places = {("EVENTS", it.sequence): it.id for it in seen.published}
    places |= {("COMMANDS", it.sequence): it.event_id for it in seen.commands}
    bodies = _by(seen.published, lambda event: event.id)
    found: dict[str, list[DeadLetterRecord]] = defaultdict(list)
    for letter in seen.dead_letters:
        event_id = places.get((letter.stream, letter.stream_sequence), letter.event_id)
        if event_id is not None and not _about_another(letter, {it.digest for it in bodies.get(event_id, ())}):
            found[event_id].append(letter)
    return found


def _about_another(letter: DeadLetterRecord, bodies: set[str]) -> bool:
    """Tell whether the letter refuses other data under the same id: that is no outcome of the event that came first."""
    return letter.reason == "duplicate_id" and len(bodies) > 1


def _ending(run: Execution, facts: Sequence[Fact]) -> Iterator[Violation]:
    said = [fact.kind for fact in facts if fact.run_id == run.run_id and fact.kind in ENDINGS]
    wanted = _ENDING_OF.get(run.status)
    if wanted is None:
        yield Violation("ending", run.workflow_id, f"run {run.run_id} has not ended: {run.status}")
    elif said != [wanted]:
        yield Violation(
            "ending",
            run.workflow_id,
            f"run {run.run_id} is {run.status} in Temporal, and said {', '.join(said) or 'no ending'}",
        )


def _unknown_runs(ids: set[str], seen: Observations) -> Iterator[Violation]:
    known = {(run.workflow_id, run.run_id) for run in seen.executions}
    said = dict.fromkeys((fact.workflow_id, fact.run_id) for fact in seen.facts if fact.event_id in ids)
    for workflow_id, run_id in said:
        if (workflow_id, run_id) not in known:
            yield Violation("ending", workflow_id, f"run {run_id} is on PROGRESS, but Temporal does not know it")


def _numbers(workflow_id: str, facts: Sequence[Fact]) -> Iterator[Violation]:
    numbers = {fact.number for fact in facts}
    end = next((fact for fact in facts if fact.kind in ENDINGS), None)
    last = end.number if end else max(numbers, default=1)
    if gaps := sorted(set(range(1, last + 1)) - numbers):
        more = f" and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
        named = ", ".join(map(str, gaps[:_SHOWN]))
        yield Violation("progress", workflow_id, f"facts are missing of 1 to {last}: {named}{more}")
    if end is None:
        return
    for fact in facts:
        if fact is not end and (fact.number >= end.number or fact.place > end.place):
            yield Violation("progress", workflow_id, f"{fact.kind} ({fact.number}) comes after {end.kind}")


def _audit(seen: Observations) -> Iterator[Violation]:
    recorded = {(row.stream, row.sequence): row for row in seen.recorded}
    for message in seen.stream_entries:
        row = recorded.get((message.stream, message.sequence))
        about = f"{message.stream}.{message.sequence}"
        if row is None:
            yield Violation("audit", about, f"no record of this message on {message.subject}")
        elif row.subject != message.subject:
            yield Violation("audit", about, f"recorded as said on {row.subject}, but it was on {message.subject}")
        elif row.digest != message.digest:
            yield Violation("audit", about, f"recorded with another body than the stream holds, on {message.subject}")


def _runs(runs: Sequence[Execution]) -> str:
    named = ", ".join(f"{run.workflow_id} {run.run_id} {run.status}" for run in runs)
    return f"{len(runs)} runs{f' ({named})' if runs else ''}"


def _dead(letters: Sequence[DeadLetterRecord]) -> str:
    named = ", ".join(f"DLQ.{letter.sequence} {letter.reason}" for letter in letters)
    return f"{len(letters)} dead letters{f' ({named})' if letters else ''}"


def _by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        grouped[key(record)].append(record)
    return grouped

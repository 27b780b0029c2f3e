"""What became of each event, compared with its verdict, or where it has none with the commands and dead letters."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from perdure.verify.claims import Claims, Found
from perdure.verify.grouping import group_by
from perdure.verify.records import Command, DeadLetterRecord, Execution, Expected, Observations

__all__ = ["events_without_verdict", "wrong_outcomes"]


def wrong_outcomes(
    expected: Sequence[Expected], seen: Observations, runs: Sequence[Execution], runs_per_event: int, *, ended: bool
) -> Iterator[tuple[str, str]]:
    """Yield the id of each event that did not become what it should, and what became of it."""
    runs_of, dead_letters_of = group_by(runs, lambda run: run.event_id), _dead_letters_by_event(seen)
    commands_of, published = group_by(seen.commands, _event_of), group_by(seen.published, lambda event: event.id)
    claims = Claims.of(seen)
    for event in expected:
        found = Found(runs_of.get(event.id, ()), commands_of.get(event.id, ()), dead_letters_of.get(event.id, ()))
        ran, dead = found.runs, found.dead_letters
        listed = f"{_list_runs(ran)}, {_list_dead_letters(dead)}"
        places = [it.sequence for it in published.get(event.id, ())]
        judged = [place for place in places if place in claims.by_place]
        if judged and judged == places:
            for problem in claims.violations(places, found, routes=runs_per_event, ended=ended):
                yield event.id, f"{problem}; {listed}"
        elif not _is_one_outcome(found, runs_per_event):
            yield event.id, listed
        if event.at_once and any(it.is_limited for place in judged for it in claims.claimed(place)):
            yield event.id, "its start was held, though its route had a free place: a place was not given back"
        if (event.outcome == "run" and dead) or (event.outcome == "dead_letter" and ran):
            yield event.id, f"{listed}; expected a {event.outcome.replace('_', ' ')}"


def _event_of(command: Command) -> str:
    return command.event_id


def _is_one_outcome(found: Found, runs_per_event: int) -> bool:
    """Return whether an event without a verdict became a run for each of its routes, or one dead letter."""
    by_ingest = sum(it.stream == "EVENTS" for it in found.dead_letters)
    downstream = len(found.dead_letters) - by_ingest
    routes = {it.route for it in found.commands}
    refused = by_ingest == 1 and not downstream and not found.runs
    return refused or (not by_ingest and len(found.runs) + downstream == max(runs_per_event, len(routes)))


def events_without_verdict(
    expected: Sequence[Expected], seen: Observations, silent: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the events that have no verdict; those before the first verdict are older than verdicts."""
    places, claims = group_by(seen.published, lambda event: event.id), Claims.of(seen)
    first = claims.first_place
    for event in expected:
        if first is None or any(_names(pattern, event.type) for pattern in silent):
            continue
        for it in places.get(event.id, ()):
            if it.sequence > first and it.sequence not in claims.by_place:
                yield event.id, f"EVENTS {it.sequence} has no verdict"


def _dead_letters_by_event(seen: Observations) -> dict[str, list[DeadLetterRecord]]:
    """Group dead letters by event id, taken from the original message while its stream still holds it."""
    event_ids = {("EVENTS", it.sequence): it.id for it in seen.published}
    event_ids |= {("COMMANDS", it.sequence): it.event_id for it in seen.commands}
    published = group_by(seen.published, lambda event: event.id)
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


def _names(pattern: str, event_type: str) -> bool:
    """Return whether a route's `on` names a type: ``*`` is one word, a last ``>`` one or more."""
    wanted, words = pattern.split("."), event_type.split(".")
    if wanted[-1] == ">" and len(words) >= len(wanted):
        wanted, words = wanted[:-1], words[: len(wanted) - 1]
    return len(wanted) == len(words) and all(it in {"*", word} for it, word in zip(wanted, words, strict=True))


def _list_runs(runs: Sequence[Execution]) -> str:
    named = ", ".join(f"{run.workflow_id} {run.run_id} {run.status}" for run in runs)
    return f"{len(runs)} runs{f' ({named})' if runs else ''}"


def _list_dead_letters(dead_letters: Sequence[DeadLetterRecord]) -> str:
    named = ", ".join(f"DLQ.{it.sequence} {it.reason}" for it in dead_letters)
    return f"{len(dead_letters)} dead letters{f' ({named})' if dead_letters else ''}"

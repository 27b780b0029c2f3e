"""Compares what the verdicts on an event claim with what became of it: a pure function."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from perdure.contracts import WITHOUT_RUN, last_words
from perdure.verify.records import Command, DeadLetterRecord, Execution, Judged, Observations, RouteClaim

__all__ = ["Claims", "Found"]

_CONTINUED: Final = "CONTINUED_AS_NEW"


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the events that have one id.

    Attributes:
        runs: The executions that they started.
        commands: The commands that name them.
        dead_letters: About these events, or about these commands.
    """

    runs: Sequence[Execution] = ()
    commands: Sequence[Command] = ()
    dead_letters: Sequence[DeadLetterRecord] = ()


@dataclass(slots=True)
class Claims:
    """The verdicts on all events, with the runs and commands that they name.

    Attributes:
        by_place: Verdicts by the sequence of their event in EVENTS.
        runs: Workflow ids of commands by their sequence in COMMANDS.
        existing: Workflow ids of all runs.
        dead: Workflow ids of commands that became dead letters, or went with a deleted stream before they were handled.
        settled: Streams and sequences of messages whose dead letters were resent or dropped.
    """

    by_place: Mapping[int, Sequence[Judged]] = field(default_factory=dict)
    runs: Mapping[int, str] = field(default_factory=dict)
    existing: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    settled: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, seen: Observations) -> "Claims":
        """Index the observations."""
        by_place: dict[int, list[Judged]] = defaultdict(list)
        for judged in seen.judged:
            by_place[judged.stream_sequence].append(judged)
        runs = {it.sequence: it.workflow_id for it in seen.commands}
        gone = {(it.stream, it.stream_sequence) for it in seen.dead_letters} | set(seen.settled)
        dead = frozenset(runs[sequence] for stream, sequence in gone if stream == "COMMANDS" and sequence in runs)
        existing = frozenset(run.workflow_id for run in seen.executions)
        return cls(by_place, runs, existing, dead | seen.unhandled, frozenset(seen.settled))

    @property
    def first_place(self) -> int | None:
        """The lowest sequence of an event that has a verdict; events before it are older than verdicts."""
        return min(self.by_place, default=None)

    def claimed(self, place: int) -> Iterator[RouteClaim]:
        """Yield every claim about the event of a place, also those that later ones replace."""
        for judged in self.by_place.get(place, ()):
            yield from judged.claims

    def violations(self, places: Sequence[int], found: Found, *, routes: int, ended: bool) -> Iterator[str]:
        """Yield what the verdicts on the events of one id claim, and is not so.

        Args:
            places: Sequences of these events in EVENTS; each has a verdict.
            found: What became of them.
            routes: How many routes must take each of them at least; 1 is not checked.
            ended: Whether no start may be held.
        """
        counting = {
            place: last_words(claim for judged in self.by_place[place] for claim in judged.claims) for place in places
        }
        every = [claim for claims in counting.values() for claim in claims]
        is_whole = not any(judged.unreported for place in places for judged in self.by_place[place])
        if is_whole:
            yield from _unclaimed(every, found)
        for place, claims in counting.items():
            refused = any(judged.refused for judged in self.by_place[place])
            yield from self._refusal(place, found, refused=refused)
            taken = sum(claim.verdict != "no_match" for claim in claims)
            if routes > 1 and not refused and taken < routes:
                yield f"{taken} routes take it, not {routes}"
            for claim in claims:
                commands = [it for it in found.commands if it.place in {0, place}]
                problem = self._problem(claim, replace(found, commands=commands), refused=refused, ended=ended)
                if problem:
                    yield f"route {claim.route}: {claim.verdict}, but {problem}"

    def _refusal(self, place: int, found: Found, *, refused: bool) -> Iterator[str]:
        about = sum((it.stream, it.stream_sequence) == ("EVENTS", place) for it in found.dead_letters)
        if refused and about != 1 and ("EVENTS", place) not in self.settled:
            yield f"refused by ingest, but {about} dead letters about EVENTS {place}"
        if not refused and about:
            yield f"{about} dead letters about EVENTS {place}, but its verdict refuses nothing"

    def _problem(self, claim: RouteClaim, found: Found, *, refused: bool, ended: bool) -> str:
        """Return what is wrong with a claim; empty if it is so, or an unknown word."""
        has_command = any(it.route == claim.route for it in found.commands)
        problem = ""
        match claim.verdict:
            case "started" | "released":
                problem = self._run_problem(claim, found)
            case "batched_into" if claim.workflow_id not in self.existing | self.dead:
                problem = f"no run {claim.workflow_id}"
            case "signalled" if not has_command:
                problem = "no command of the route"
            case "refused" if not refused and claim.workflow_id not in self.dead:
                problem = "no dead letter about its command"
            case "held" if ended and not has_command:
                problem = "it has not been released"
            case "held" | "no_match" | "skipped" | "cancelled" | "debounced_into" if has_command:
                problem = "there is a command of the route"
            case _:
                pass
        return problem

    def _run_problem(self, claim: RouteClaim, found: Found) -> str:
        ran = [it for it in found.runs if it.workflow_id == claim.workflow_id and it.status != _CONTINUED]
        if len(ran) > 1:
            return f"{len(ran)} runs {claim.workflow_id}"
        refused = {self.runs[it.stream_sequence] for it in found.dead_letters if self._is_of_known_command(it)}
        if ran and claim.workflow_id in refused and claim.backfill is None:  # which follows a dead letter as a rule
            return f"both a run {claim.workflow_id} and a dead letter about its command"
        if ran or claim.workflow_id in self.dead:
            return ""
        return f"no run {claim.workflow_id} of this event, and no dead letter about its command"

    def _is_of_known_command(self, dead_letter: DeadLetterRecord) -> bool:
        return dead_letter.stream == "COMMANDS" and dead_letter.stream_sequence in self.runs


def _unclaimed(claims: Iterable[RouteClaim], found: Found) -> Iterator[str]:
    """Yield the runs that no verdict claims."""
    claimed = {claim.workflow_id for claim in claims if claim.verdict not in WITHOUT_RUN}
    for run in {it.workflow_id for it in found.runs} - claimed:
        yield f"run {run}, which no verdict names"

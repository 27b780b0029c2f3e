"""What ``perdure publish`` prints: where the event is stored, and what became of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pydantic import JsonValue

from perdure.cli.stuck_text import stuck_notice
from perdure.client import EventOutcome, PublishedEvent
from perdure.runtime.stderr import print_error
from perdure.values.printable import one_line

__all__ = ["StuckNotice", "json_of", "outcome_lines", "published_line"]


def published_line(event: PublishedEvent) -> str:
    """Say where an event is stored, and whether it was before."""
    if event.duplicate:
        return f"Already published {event.type} as {event.id} (EVENTS {event.stream_sequence}); nothing new was stored."
    return f"Published {event.type} as {event.id} (EVENTS {event.stream_sequence})."


def outcome_lines(outcome: EventOutcome) -> Iterator[str]:
    """Yield the result of a single run as JSON, or what became of each run, or of the event without one."""
    if outcome.refused is not None:
        refused = outcome.refused
        yield f"Dead letter {refused.number} ({refused.reason}): {one_line(refused.detail)}"
        yield f"Look at it with `perdure dlq show {refused.number}`."
    elif outcome.state == "dead_letter":
        yield "It became a dead letter, which is not kept any more."
        yield from (one_line(it.sentence) for it in outcome.verdicts)
    if outcome.state == "no_run":
        yield "No run comes of it, and it is no dead letter."
        yield from (one_line(it.sentence) for it in outcome.verdicts)
    if len(outcome.runs) == 1 and outcome.state == "completed" and outcome.runs[0].error is None:
        yield json.dumps(outcome.runs[0].result, ensure_ascii=False, indent=2)
        return
    for run in outcome.runs:
        result = "" if run.result is None else f" {json.dumps(run.result, ensure_ascii=False)}"
        error = f": {one_line(run.error)}" if run.error else ""
        waits = f", waits for mended code: {one_line(run.stuck)}" if run.stuck else ""
        yield f"{one_line(run.workflow_id)}: {run.kind or 'not begun'}{waits}{error}{result}"


def json_of(
    event: PublishedEvent, outcome: EventOutcome | None = None, warnings: Sequence[str] = ()
) -> dict[str, JsonValue]:
    """Return the event, and what became of it if that was waited for."""
    known: dict[str, JsonValue] = {**asdict(event), **({"warnings": [*warnings]} if warnings else {})}
    if outcome is None:
        return known
    became: dict[str, JsonValue] = outcome.model_dump(mode="json", include={"state", "runs", "refused", "verdicts"})
    return {**known, **became}


class StuckNotice:
    """Prints once to standard error why a run of an event waits for mended code, while somebody waits for it.

    Args:
        as_json: Whether as a JSON object.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._printed: set[tuple[str, str]] = set()

    def __call__(self, outcome: EventOutcome) -> None:
        """Look at an outcome that is not settled."""
        for run in outcome.runs:
            if run.stuck and (run.workflow_id, run.stuck) not in self._printed:
                self._printed.add((run.workflow_id, run.stuck))
                print_error(stuck_notice(run.workflow_id, run.stuck, as_json=self._as_json))

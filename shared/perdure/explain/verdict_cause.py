"""What one verdict of a route means, and what to do about it."""

from typing import Final

from perdure.contracts import RouteVerdict
from perdure.explain.explanation import Answer, Cause, cite, closed
from perdure.explain.snapshot import Cited, EventFacts
from perdure.values.short_code import run_word

__all__ = ["verdict_answer"]

_AGAIN: Final = "publish the event again under a new id"


def verdict_answer(event: EventFacts, verdict: Cited[RouteVerdict]) -> Answer:
    """Return the answer for an event of which one route's verdict is all that is known."""
    it = verdict.message
    cause, became, remedy = _words(event, it)
    return Answer(
        cause,
        cite(f"{became}.", event.place, verdict.place),
        cite(f"Route {closed(it.sentence)}", verdict.place, _other(it)),
        cite(f"{remedy}.", verdict.place, _other(it)),
    )


def _words(event: EventFacts, it: RouteVerdict) -> tuple[Cause, str, str]:
    nothing = f"No run comes of the event {event.id}"
    run = it.workflow_id
    shows = f"`perdure explain {run_word(run)}`" if run else "`perdure runs list`"
    other = _other(it) or "EVENT"
    stored = f"`perdure routes backfill {it.route} --since 1d` takes stored events"
    words: dict[str, tuple[Cause, str, str]] = {
        "no_match": (
            "no_match",
            f"{nothing}: the condition of route {it.route} is false for it",
            f"Change `when` of route {it.route} or the data; `perdure routes check` tries it, then {stored}",
        ),
        "skipped": (
            "skipped",
            f"{nothing}: route {it.route} skipped it, as a run with its key was open",
            f"See that run with {shows}; once it has ended, {_AGAIN}; or set `flow.singleton: queue`",
        ),
        "cancelled": (
            "cancelled_start",
            f"{nothing}: its start was cancelled while route {it.route} held it",
            f"If its run is wanted after all, {_AGAIN}",
        ),
        "debounced_into": (
            "debounced",
            f"{nothing}: a newer event of its key took its place on route {it.route}",
            f"See what became of the newer event: `perdure explain {other}`",
        ),
        "duplicate_of": (
            "duplicate",
            f"No second run comes of the event {event.id}: the same event came before",
            f"See what became of the first: `perdure explain {other}`; another event needs another id",
        ),
        "batched_into": (
            "batched",
            f"The event {event.id} is one of a batch, which is the run {run}, and that has not begun",
            f"Wait some seconds; {shows} shows what the batch's run does",
        ),
        "refused": (
            "dropped",
            f"The event {event.id} became a dead letter, which is not in DLQ any more",
            f"Mend what the reason names; then {_AGAIN}",
        ),
    }
    begun = (
        f"The command of the event {event.id} is stored, and its run{f' {run}' if run else ''} has not begun",
        "Wait some seconds and ask again; `perdure doctor` shows whether the orchestrator is up",
    )
    return words.get(it.verdict, ("waiting_start", *begun))


def _other(it: RouteVerdict) -> str | None:
    return None if it.other is None else f"EVENTS:{it.other.stream_sequence}"

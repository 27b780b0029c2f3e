"""Why flow control holds a start, and when it lets it go."""

from typing import Final

from perdure.contracts import RouteVerdict
from perdure.explain.explanation import Answer, Cause, cite
from perdure.explain.snapshot import Cited
from perdure.values.short_code import run_word

__all__ = ["held_answer"]

_WHY: Final[dict[str, tuple[Cause, str, str]]] = {
    "window": (
        "held_window",
        "the window of the route is closed",
        "it starts by itself when the window opens; `window` of the route sets the times",
    ),
    "rate": (
        "held_rate",
        "the route's `rate` is used up",
        "it starts by itself in its turn; raise `flow.rate` of the route if that is too slow",
    ),
    "max_open": (
        "held_max_open",
        "as many runs of the route are open as its `max_open` allows",
        "it starts when one of them ends (`perdure runs list --state open`); or raise `flow.max_open`",
    ),
    "max_open_per_key": (
        "held_max_open_per_key",
        "as many runs with its key are open as `max_open_per_key` allows",
        "it starts when one of them ends (`perdure runs list --key`); or raise `flow.max_open_per_key`",
    ),
    "singleton": (
        "held_singleton",
        "a run with its key is open, and the route is a `singleton`",
        "it starts when that run ends (`perdure runs list --key`); or change `flow.singleton`",
    ),
    "debounce": (
        "held_debounce",
        "the route waits until no further event of its key comes (`debounce`)",
        "it starts by itself after that pause, unless a newer event takes its place; `flow.debounce` sets how long",
    ),
    "batch": (
        "held_batch",
        "the batch that it belongs to is not full",
        "the batch starts by itself when it is full or its time is over; `flow.batch` sets both",
    ),
    "pause": (
        "held_pause",
        "an operator has paused the route",
        "it starts in its turn after `perdure routes resume`; `perdure routes list` says who paused the route, and why",
    ),
}
_TURN: Final[tuple[Cause, str, str]] = (
    "held",
    "its turn in the route's flow control has to come",
    "it starts by itself; `perdure routes waiting` shows how many are before it",
)


def held_answer(event_id: str, place: str, verdict: Cited[RouteVerdict]) -> Answer:
    """Return the answer for an event whose start a route holds.

    Args:
        event_id: The event's id.
        place: The event's place.
        verdict: The verdict ``held``.
    """
    it = verdict.message
    cause, why, remedy = _WHY.get(it.limit or "", _TURN)
    line = f", as number {it.place} in its line when it was stored" if it.place else ""
    cancel = f" `perdure runs cancel {run_word(it.workflow_id)}` drops it." if it.workflow_id else ""
    return Answer(
        cause,
        cite(f"No run of the event {event_id} begins yet: route {it.route} holds it{line}.", place, verdict.place),
        cite(f"{why[0].upper()}{why[1:]}.", verdict.place),
        cite(f"Wait: {remedy}.{cancel}", verdict.place),
    )

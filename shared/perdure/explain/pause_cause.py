"""What a pause of the whole suite holds."""

from typing import Final

from perdure.contracts import PauseChanged
from perdure.explain.explanation import Answer, Cause, cite, closed
from perdure.explain.snapshot import Cited

__all__ = ["paused_answer"]

_GO_ON: Final[frozenset[Cause]] = frozenset(
    {
        "batched",
        "channel_down",
        "delayed",
        "held",
        "held_batch",
        "held_debounce",
        "held_max_open",
        "held_max_open_per_key",
        "held_pause",
        "held_rate",
        "held_singleton",
        "held_window",
        "not_read",
        "running",
        "waiting_person",
        "waiting_server",
        "waiting_signal",
        "waiting_start",
        "waiting_step",
        "waiting_version",
        "waiting_worker",
    }
)
"""What would go on by itself or by somebody's act, if the suite were not paused."""


def paused_answer(answer: Answer, pause: Cited[PauseChanged]) -> Answer:
    """Return the answer for something that a pause of the suite holds; the same answer if it holds nothing of it."""
    if answer.cause not in _GO_ON:
        return answer
    return Answer(
        "paused",
        cite(f"{answer.became.text} The whole suite is paused: it does not go on.", *answer.became.places, pause.place),
        cite(f"It is {closed(pause.message.sentence)}", pause.place),
        cite("`perdure resume` lets everything go on; until then no run starts and no step begins.", pause.place),
    )

"""Cancels a start that a route's flow control holds: a run that has not begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import NotFound, PerdureError, Unavailable

if TYPE_CHECKING:
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.client.run_acts import RunActs
    from perdure.contracts.run_acts import RunActReply

__all__ = ["cancel_held"]


async def cancel_held(acts: RunActs, text: str, error: NotFound | RunNotBegun) -> RunActReply:
    """Cancel the start that flow control holds; raises the error if it holds none.

    Args:
        acts: The act; a cancelled start is recorded as a cancelled run.
        text: What the user calls the run.
        error: Why no run was found.

    Raises:
        Ambiguous: Several routes hold a start of this event.
        Unavailable: It is released at this moment.
        PerdureError: It waits in a batch.
    """
    from perdure.bus.views.run_lookup import RunNotBegun, ambiguous
    from perdure.client.run_acts import Target
    from perdure.contracts.held_starts import CANCEL_START, CancelStart, HeldStartReply
    from perdure.contracts.run_acts import RunActReply

    planned = error.run if isinstance(error, RunNotBegun) else text
    held = error.held if isinstance(error, RunNotBegun) and planned is None else ()
    if len(held) > 1:
        raise ambiguous(f"Of the event {text} wait the starts of", "runs", held)
    run = held[0] if held else planned or text
    answered = await acts.bus.request(CANCEL_START, CancelStart(workflow_id=run).model_dump_json().encode())
    reply = HeldStartReply.model_validate_json(answered)
    match reply.fate:
        case "cancelled":
            await acts.record("cancelled", Target(run))
            detail = f"Route {reply.route} held its start: no run comes of the event {reply.event_id} there."
            return RunActReply(workflow_id=run, outcome="done", detail=detail)
        case "releasing":
            raise Unavailable(f"Route {reply.route} starts the run {run} at this moment: cancel it again in a second.")
        case "collected":
            raise PerdureError(
                f"The event {reply.event_id} waits in route {reply.route} until its batch is full, and cannot be "
                "cancelled alone. Cancel the run of the batch once it has begun."
            )
        case _:
            raise error

"""``perdure runs cancel``: asks a run to end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, print_json, progress_line
from perdure.cli.runs.options import RunId
from perdure.errors import NotFound, PerdureError, Unavailable

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.bus.views.run_lookup import RunNotBegun
    from perdure.contracts import Progress
    from perdure.contracts.held_starts import HeldStartReply

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 requested, or ended with --wait; 1 it had ended before, 4 no such run.")
    def cancel(
        run: RunId,
        *,
        wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
        as_json: Json = False,
    ) -> None:
        """Request the cancellation of a run, or of a start that is held."""
        run_command(_cancel(run, wait=wait, as_json=as_json))


async def _cancel(run: str, *, wait: bool, as_json: bool) -> None:
    from perdure.bus.views.run_index import run_progress
    from perdure.bus.views.run_lookup import RunNotBegun, find_run
    from perdure.contracts import ENDINGS, CancelWorkflow

    async with open_bus() as bus:
        try:
            workflow_id = await find_run(bus, run)
        except (NotFound, RunNotBegun) as error:
            held, reply = await _cancel_held(bus, run, error)
            _print_held(held, reply, as_json=as_json)
            return
        newest = (await run_progress(bus, workflow_id))[-1]
        if newest.kind in ENDINGS:
            raise PerdureError(f"{newest.workflow_id} has ended before: {newest.kind}.")
        sequence = await bus.publish(
            CancelWorkflow(workflow=newest.workflow, workflow_id=newest.workflow_id, instead="", run_id=newest.run_id)
        )
        if wait:
            _print_ending(await _ending(bus, newest.workflow_id), as_json=as_json)
        elif as_json:
            console.out(json.dumps({"workflow_id": newest.workflow_id, "stream_sequence": sequence}))
        else:
            console.print(f"Requested the cancellation of {newest.workflow_id} (COMMANDS {sequence}).", markup=False)


async def _cancel_held(bus: NatsBus, text: str, error: NotFound | RunNotBegun) -> tuple[str, HeldStartReply]:
    """Cancel the start that flow control holds; raises the error if it holds none.

    Raises:
        Ambiguous: Several routes hold a start of this event.
    """
    from perdure.bus.views.run_lookup import RunNotBegun, ambiguous
    from perdure.contracts.held_starts import CANCEL_START, CancelStart, HeldStartReply

    planned = error.run if isinstance(error, RunNotBegun) else text
    held = error.held if isinstance(error, RunNotBegun) and planned is None else ()
    if len(held) > 1:
        raise ambiguous(f"Of the event {text} wait the starts of", "runs", held)
    run = held[0] if held else planned or text
    answered = await bus.request(CANCEL_START, CancelStart(workflow_id=run).model_dump_json().encode())
    reply = HeldStartReply.model_validate_json(answered)
    match reply.fate:
        case "cancelled":
            return run, reply
        case "releasing":
            raise Unavailable(f"Route {reply.route} starts the run {run} at this moment: cancel it again in a second.")
        case "collected":
            raise PerdureError(
                f"The event {reply.event_id} waits in route {reply.route} until its batch is full, and cannot be "
                "cancelled alone. Cancel the run of the batch once it has begun."
            )
        case _:
            raise error


def _print_held(run: str, reply: HeldStartReply, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"workflow_id": run, "route": reply.route, "event_id": reply.event_id}))
        return
    what = f"Cancelled the start of {run}, which route {reply.route} held"
    console.print(f"{what}: no run comes of the event {reply.event_id} there.", markup=False)


async def _ending(bus: NatsBus, workflow_id: str) -> Progress:
    from perdure.bus.views.run_index import follow_progress

    facts = [fact async for fact in follow_progress(bus, workflow_id, replay=True)]
    return facts[-1]


def _print_ending(fact: Progress, *, as_json: bool) -> None:
    if as_json:
        print_json([fact])
    else:
        console.print(progress_line(fact))

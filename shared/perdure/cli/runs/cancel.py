"""``perdure runs cancel``: asks a run to end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, print_json, progress_line
from perdure.cli.runs.options import RunId
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.contracts import Progress

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 requested, or ended with --wait; 1 it had ended before; 4 no such run.")
    def cancel(
        run: RunId,
        *,
        wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
        as_json: Json = False,
    ) -> None:
        """Request the cancellation of a run; it undoes its steps and ends."""
        run_command(_cancel(run, wait=wait, as_json=as_json))


async def _cancel(run: str, *, wait: bool, as_json: bool) -> None:
    from perdure.bus.views.run_index import run_progress
    from perdure.bus.views.run_lookup import find_run
    from perdure.contracts import ENDINGS, CancelWorkflow

    async with open_bus() as bus:
        newest = (await run_progress(bus, await find_run(bus, run)))[-1]
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


async def _ending(bus: NatsBus, workflow_id: str) -> Progress:
    from perdure.bus.views.run_index import follow_progress

    facts = [fact async for fact in follow_progress(bus, workflow_id, replay=True)]
    return facts[-1]


def _print_ending(fact: Progress, *, as_json: bool) -> None:
    if as_json:
        print_json([fact])
    else:
        console.print(progress_line(fact))

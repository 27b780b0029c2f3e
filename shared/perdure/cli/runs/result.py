"""``perdure runs result``: prints the result of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NO, PENDING
from perdure.cli.output import console, print_json
from perdure.cli.runs.options import RunId
from perdure.cli.stuck_text import stuck_notice
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.contracts import Progress
    from perdure.contracts.runs import StuckRun

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Exit codes: 0 completed, 1 ended otherwise or too large to publish, 3 still running.")
    def result(
        run: RunId,
        *,
        wait: Annotated[bool, typer.Option("--wait", help="Wait until the run ends.")] = False,
        as_json: Json = False,
    ) -> None:
        """Print the result of a run as JSON; with --json, its last fact."""
        from perdure.contracts import ENDINGS

        last, stuck = run_command(_last(run, wait=wait, as_json=as_json))
        completed = last.kind == "completed" and last.error is None
        if as_json:
            print_json([last])
        elif completed:
            console.out(json.dumps(last.result, ensure_ascii=False, indent=2))
        else:
            print_error(f"{last.workflow_id}: {last.kind}{f': {last.error}' if last.error else ''}")
        if stuck is not None:
            print_error(stuck_notice(stuck.workflow_id, stuck.error, as_json=as_json))
        if not completed:
            raise typer.Exit(NO if last.kind in ENDINGS else PENDING)


async def _last(run: str, *, wait: bool, as_json: bool) -> tuple[Progress, StuckRun | None]:
    """Return the last fact of a run, and why the run waits for mended code if it does."""
    from perdure.bus.views.run_index import follow_progress, run_progress
    from perdure.bus.views.run_lookup import find_run, wait_for_run
    from perdure.bus.views.stuck_runs import stuck_run
    from perdure.cli.runs.stuck_notices import notices_of
    from perdure.contracts import ENDINGS

    async with open_bus() as bus:
        last = (await run_progress(bus, await (wait_for_run if wait else find_run)(bus, run)))[-1]
        if last.kind in ENDINGS:
            return last, None
        if not wait:
            return last, await stuck_run(bus, last.workflow_id)
        async with notices_of(bus, last.workflow_id, as_json=as_json):
            return [fact async for fact in follow_progress(bus, last.workflow_id, replay=True)][-1], None

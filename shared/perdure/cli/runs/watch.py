"""``perdure runs watch``: prints the progress of runs as it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.completion import complete_run
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, print_json, progress_line

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.contracts import Progress

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes, with RUN: 0 completed, 1 ended otherwise, 4 not found. "
        "Example: perdure watch DocumentAnalysis~42 --from-start"
    )
    def watch(
        run: Annotated[
            str | None,
            typer.Argument(
                metavar="[RUN]",
                help="A run id or its unique start, an event id, or a request id.",
                autocompletion=complete_run,
            ),
        ] = None,
        *,
        from_start: Annotated[bool, typer.Option("--from-start", help="Print earlier progress first.")] = False,
        as_json: Json = False,
    ) -> None:
        """Show progress live; of one run, until it ends."""
        last = run_command(_watch(run, from_start=from_start, as_json=as_json))
        if last is None or last.kind != "completed":
            raise typer.Exit(NO)


async def _watch(run: str | None, *, from_start: bool, as_json: bool) -> Progress | None:
    from perdure.bus.views.run_index import follow_progress
    from perdure.bus.views.run_lookup import RunNotBegun, find_run, wait_for_run
    from perdure.cli.runs.stuck_notices import notices_of

    last = None
    async with open_bus() as bus:
        workflow_id, replay = None, from_start
        if run is not None:
            try:
                workflow_id = await find_run(bus, run)
                replay = from_start or await _has_ended(bus, workflow_id)
            except RunNotBegun:  # a known event: all that its run does is still to come
                workflow_id, replay = await wait_for_run(bus, run), True
        async with notices_of(bus, workflow_id, as_json=as_json):
            async for last in follow_progress(bus, workflow_id, replay=replay):
                if as_json:
                    print_json([last])
                else:
                    console.print(progress_line(last, name_run=workflow_id is None))
    return last


async def _has_ended(bus: NatsBus, workflow_id: str) -> bool:
    from perdure.bus.views.run_index import latest_facts
    from perdure.contracts import ENDINGS

    return any(fact.kind in ENDINGS for fact in await latest_facts(bus, workflow_id=workflow_id))

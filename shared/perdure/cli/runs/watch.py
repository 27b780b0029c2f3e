"""``perdure runs watch``: prints the progress of runs as it is published."""

from typing import Annotated

import typer

from perdure.bus.views.run_index import follow_progress
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, print_json, progress_line

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure runs watch DocumentAnalysis-42 --from-start")
    def watch(
        workflow_id: Annotated[str | None, typer.Argument(help="Only this run, until it ends.")] = None,
        *,
        from_start: Annotated[bool, typer.Option(help="Print earlier progress first.")] = False,
        as_json: Json = False,
    ) -> None:
        """Show progress live; of one run, until it ends."""
        raise typer.Exit(run_command(_watch(workflow_id, from_start=from_start, as_json=as_json)))


async def _watch(workflow_id: str | None, *, from_start: bool, as_json: bool) -> int:
    last = None
    async with open_bus() as bus:
        async for last in follow_progress(bus, workflow_id, replay=from_start):
            if as_json:
                print_json([last])
            else:
                console.print(progress_line(last, name_run=workflow_id is None))
    return 0 if last is not None and last.kind == "completed" else 1

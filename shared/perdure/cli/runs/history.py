"""``perdure runs history``: a run as Temporal recorded it."""

import subprocess
import sys
from typing import Annotated

import typer

from perdure.cli.client import open_bus, run_command
from perdure.cli.runs.options import RunId

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure runs history DocumentAnalysis~42 > history.json")
    def history(
        run: RunId,
        *,
        whole: Annotated[bool, typer.Option("--whole", help="Put large payloads in, for any replayer.")] = False,
    ) -> None:
        """Print a run's history as JSON, decrypted, for Temporal's replayers."""
        workflow_id = run_command(_find(run))
        command = [sys.executable, "-m", "perdure.history", *(["--whole"] if whole else []), workflow_id]
        exported = subprocess.run(command, check=False)  # noqa: S603
        raise typer.Exit(exported.returncode)


async def _find(run: str) -> str:
    from perdure.bus.views.run_lookup import find_run

    async with open_bus() as bus:
        return await find_run(bus, run)

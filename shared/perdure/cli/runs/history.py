"""``perdure runs history``: a run as Temporal recorded it."""

import subprocess
import sys

import typer

from perdure.cli.client import RunId

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure runs history DocumentAnalysis-42 > history.json")
    def history(workflow_id: RunId) -> None:
        """Print the history of a run as JSON, as Temporal's replayers read it."""
        exported = subprocess.run([sys.executable, "-m", "perdure.history", workflow_id], check=False)  # noqa: S603
        raise typer.Exit(exported.returncode)

"""``perdure runs query``: queries a run."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.client import Json
from perdure.cli.runs.options import RunId
from perdure.cli.runs.request import Arguments, Within, ask

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 answered, 1 refused or failed, 3 not begun, 4 no such run, 75 not reached. "
        "Example: perdure runs query cart-42 items"
    )
    def query(
        run: RunId,
        name: Annotated[str, typer.Argument(help="The query, as the workflow names it.")],
        args: Arguments = None,
        *,
        within: Within = 60,
        as_json: Json = False,
    ) -> None:
        """Query a run, and print the answer as JSON."""
        ask(run, "query", name, args, within=within, as_json=as_json)

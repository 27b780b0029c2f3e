"""``perdure runs update``: sends an update to a run."""

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
        epilog="Exit codes: 0 done, 1 refused or failed, 3 no answer yet, 4 no such run, 75 not reached. "
        'Example: perdure runs update cart-42 add \'{"name": "hat"}\''
    )
    def update(
        run: RunId,
        name: Annotated[str, typer.Argument(help="The update, as the workflow names it.")],
        args: Arguments = None,
        *,
        within: Within = 60,
        as_json: Json = False,
    ) -> None:
        """Send an update to a run, and print what its handler returns."""
        ask(run, "update", name, args, within=within, as_json=as_json)

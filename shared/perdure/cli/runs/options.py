"""The argument that the commands about one run share."""

from typing import Annotated

import typer

from perdure.cli.completion import complete_run

__all__ = ["RunId"]

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run id or its unique start, an event id, or a request id.",
        show_default=False,
        autocompletion=complete_run,
    ),
]

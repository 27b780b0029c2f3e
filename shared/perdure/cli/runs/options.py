"""The arguments and options that the commands about runs share."""

from typing import Annotated

import typer

from perdure.cli.completion import complete_run

__all__ = ["RunId", "Where"]

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run id or its unique start, an event id, or a request id.",
        show_default=False,
        autocompletion=complete_run,
    ),
]

Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Only runs that Temporal's visibility query finds, such as 'CustomerId = \"ACME\"'.",
    ),
]

"""The arguments and options that the commands about approval requests share."""

from typing import Annotated

import typer

from perdure.cli.completion import complete_request

__all__ = ["RequestId", "Workflow"]

RequestId = Annotated[
    str,
    typer.Argument(
        help="The request id of `perdure approvals list`, or its start.",
        show_default=False,
        autocompletion=complete_request,
    ),
]
Workflow = Annotated[str | None, typer.Option(help="Only requests of this workflow.", show_default=False)]

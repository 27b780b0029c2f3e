"""The arguments and options that the commands about approval requests share."""

from pathlib import Path
from typing import Annotated

import typer

from perdure.cli.completion import complete_request

__all__ = ["Approver", "Key", "RequestId", "Workflow"]

Approver = Annotated[str | None, typer.Option("--as", help="The approver, if there are keys of several people.")]
Key = Annotated[Path | None, typer.Option(help="The private key, if not NAME.pem in `approvals.keys`.")]
RequestId = Annotated[
    str,
    typer.Argument(
        help="The request id of `perdure approvals list`, or its start.",
        show_default=False,
        autocompletion=complete_request,
    ),
]
Workflow = Annotated[str | None, typer.Option(help="Only requests of this workflow.", show_default=False)]

"""The options that the commands about approvers share."""

from pathlib import Path
from typing import Annotated

import typer

from perdure.values.protection import Protection

__all__ = ["File", "Folder", "Protect"]

File = Annotated[
    Path | None, typer.Option("--file", help="The approvers file, if not the configured one.", show_default=False)
]
Folder = Annotated[
    Path | None, typer.Option(help="Where the private key goes, if not `approvals.keys`.", show_default=False)
]
Protect = Annotated[
    Protection | None,
    typer.Option(help="How the key is encrypted; on a terminal this asks.", show_default=False),
]

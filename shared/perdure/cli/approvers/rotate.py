"""``perdure approvers rotate``: gives an approver a new key."""

from typing import Annotated

import typer

from perdure.cli.approvers.options import File, Folder, Protect
from perdure.errors import NotFound

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvers rotate ada")
    def rotate(
        name: Annotated[str, typer.Argument(help="The approver or proxy.", show_default=False)],
        folder: Folder = None,
        file: File = None,
        protect: Protect = None,
    ) -> None:
        """Create a new key; older keys stay valid until they are revoked."""
        from perdure.cli.approvers.add import enrol_key
        from perdure.cli.approvers.file import approvers_file

        approvers = approvers_file(file)
        known = approvers.current()
        if name not in known.approvers and name not in known.proxies:
            raise NotFound(f"{approvers.path} does not know {name}: `perdure approvers add {name}` adds them.")
        enrol_key(approvers, folder, name, [], proxy=name in known.proxies, protect=protect)

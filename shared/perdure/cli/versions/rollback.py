"""``perdure versions rollback``: lets new runs start on the version before again."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.client import Json
from perdure.cli.output import console
from perdure.cli.versions.request import Within, act
from perdure.cli.versions.text import promoted_text

__all__ = ["register"]

From = Annotated[str | None, typer.Option("--from", metavar="VERSION", help="Do nothing unless this one is current.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 done; 1 no worker of the version before polls; 4 there is none; 75 not reached. "
        "Example: perdure versions rollback --from 4fa1c09b77d2"
    )
    def rollback(*, from_: From = None, within: Within = 10, as_json: Json = False) -> None:
        """Let new runs start on the version before again.

        Runs that began on the current version, or were moved to it, stay there: keep its workers until they have ended.
        Repeated, it goes forth again; with --from it does not. ADMIN records it.
        """
        from perdure.local.approver import login_name
        from perdure.values.version_request import VersionRequest

        request = VersionRequest(act="rollback", build=from_, by=login_name(), within=within)
        answer = act(request, as_json=as_json)
        if not as_json:
            console.print(promoted_text(answer))

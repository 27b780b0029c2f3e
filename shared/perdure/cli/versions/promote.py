"""``perdure versions promote``: lets new runs start on a version."""

from __future__ import annotations

import typer

from perdure.cli.client import Json
from perdure.cli.output import console
from perdure.cli.versions.request import Build, Within, act
from perdure.cli.versions.text import promoted_text

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 done, or so already; 1 no worker of it polls; 4 no such version; 75 not reached. "
        "Example: perdure versions promote 4fa1c09b77d2"
    )
    def promote(version: Build, *, within: Within = 10, as_json: Json = False) -> None:
        """Let new runs start on a version; open runs stay where they are.

        It replays nothing: `perdure deploy` proves new code on the open runs first. ADMIN records it.
        """
        from perdure.local.approver import login_name
        from perdure.values.version_request import VersionRequest

        request = VersionRequest(act="promote", build=version, by=login_name(), within=within)
        answer = act(request, as_json=as_json)
        if not as_json:
            console.print(promoted_text(answer))

"""``perdure versions retire``: lets Temporal forget a version."""

from __future__ import annotations

import typer

from perdure.cli.client import Json
from perdure.cli.output import console
from perdure.cli.versions.request import Build, act

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 done; 1 it is current, or runs are open on it; 3 its worker ran within the last five "
        "minutes; 4 no such version; 75 not reached. Example: perdure versions retire 4fa1c09b77d2"
    )
    def retire(version: Build, *, as_json: Json = False) -> None:
        """Let Temporal forget a version without open runs.

        Stop its workers first. ADMIN records it.
        """
        from perdure.local.approver import login_name
        from perdure.values.version_request import VersionRequest

        act(VersionRequest(act="retire", build=version, by=login_name()), as_json=as_json)
        if not as_json:
            console.print(f"Temporal knows {version} no more.")

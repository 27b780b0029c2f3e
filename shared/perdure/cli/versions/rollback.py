"""``perdure versions rollback``: lets new runs start on the version before again."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.client import Json
from perdure.cli.output import console
from perdure.cli.versions.request import Within, act, ask
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

        Under `perdure up`, open runs that fit its code are moved to it as by `perdure deploy`. With servers of your own
        runs stay where they are: `perdure deploy` where the code before lies moves them, too. Repeated, it goes forth
        again; with --from it does not. ADMIN records it.
        """
        from perdure.local.approver import login_name
        from perdure.values.version_request import VersionRequest

        if _goes_back_here(from_, as_json=as_json):
            return
        request = VersionRequest(act="rollback", build=from_, by=login_name(), within=within)
        answer = act(request, as_json=as_json)
        if not as_json:
            console.print(promoted_text(answer))


def _goes_back_here(from_: str | None, *, as_json: bool) -> bool:
    """Let the suite of this folder roll out the version before; returns whether it did."""
    from perdure.cli.client import run_command
    from perdure.cli.deploy import roll_out_here
    from perdure.config.loader import load_settings
    from perdure.local.approver import login_name
    from perdure.local.state import read_endpoints
    from perdure.values.rollout import RolloutRequest
    from perdure.values.version_request import VersionRequest, former_build

    if read_endpoints(load_settings().state) is None:
        return False
    known = run_command(ask(VersionRequest(act="list")))
    current = next((it.build for it in known.versions if it.state == "current"), None)
    before = former_build(known.versions, current)
    if before is None or from_ not in {None, current}:
        return False
    run_command(roll_out_here(RolloutRequest(build=before, by=login_name()), as_json=as_json))
    return True

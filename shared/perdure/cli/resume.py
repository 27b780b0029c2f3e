"""``perdure resume``: lets a paused suite go on."""

import typer

from perdure.cli.client import Json
from perdure.cli.pausing import Reason, change

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure resume")
    def resume(*, reason: Reason = "", as_json: Json = False) -> None:
        """Let a paused suite go on.

        What waited starts now: events, decisions and signals first stored take effect first.
        """
        from perdure.contracts.pauses import SUITE

        change(SUITE, "resumed", reason=reason, as_json=as_json, then="What waited goes on now.")

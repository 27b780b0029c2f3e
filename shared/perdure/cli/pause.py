"""``perdure pause``: stops the whole suite for an incident."""

import typer

from perdure.cli.client import Json
from perdure.cli.pausing import Reason, change

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog='Example: perdure pause --reason "the bank reports double payments"')
    def pause(*, reason: Reason, as_json: Json = False) -> None:
        """Stop the whole suite: nothing starts, and nothing is lost.

        No run starts and no step begins until `perdure resume`; steps that run now go on to their end. Events,
        decisions and signals are stored, and take effect afterwards. It holds across restarts, and ADMIN records it.
        Workers of your own are not stopped.
        """
        from perdure.contracts.pauses import SUITE

        then = "No run starts and no step begins until `perdure resume`; steps that run now go on to their end."
        change(SUITE, "paused", reason=reason, as_json=as_json, then=then)

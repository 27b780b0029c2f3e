"""``perdure admin temporal``: what a namespace of Temporal needs for Perdure."""

import typer

from perdure.cli.client import run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console
from perdure.errors import PerdureError

__all__ = ["register"]

_PROGRAM = "perdure.search_attributes"  # the command line does not import temporalio

_temporal = new_group("Prepare a namespace of your own Temporal.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_temporal, name="temporal")


@_temporal.command(epilog="Example: perdure admin temporal provision")
def provision() -> None:
    """Register the search attributes of the routes, and Perdure's own.

    Those that are registered already stay as they are. `perdure up` does it by itself.
    """
    console.print(run_command(_provision()), soft_wrap=True, markup=False)


async def _provision() -> str:
    from perdure.local.own_program import run_own_program

    ended = await run_own_program(_PROGRAM)
    if ended.code:
        raise PerdureError(ended.errors.decode(errors="replace").strip() or f"{_PROGRAM} ended with {ended.code}.")
    registered = ", ".join(ended.output.decode().splitlines())
    return f"Temporal has the search attributes {registered}."

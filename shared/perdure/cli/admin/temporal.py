"""``perdure admin temporal``: what a namespace of Temporal needs for Perdure."""

from typing import Annotated

import typer

from perdure.cli.client import run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console
from perdure.errors import PerdureError

__all__ = ["register"]

_PROGRAM = "perdure.search_attributes"  # the command line does not import temporalio

_NAMESPACE = "perdure.search_attributes.namespace"

_temporal = new_group("Search attributes in a Temporal of your own.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_temporal, name="temporal")


@_temporal.command(epilog="Example: perdure admin temporal provision")
def provision() -> None:
    """Register the search attributes of the routes, and Perdure's own.

    Those that are registered already stay as they are. `perdure up` does it by itself.
    """
    console.print(run_command(_provision()), soft_wrap=True, markup=False)


@_temporal.command(epilog="Example: perdure admin temporal namespace --keep-days 30")
def namespace(
    keep_days: Annotated[int, typer.Option(min=1, help="How long Temporal keeps ended runs.")] = 30,
) -> None:
    """Create `temporal.namespace`, unless Temporal has it.

    Suites that share one Temporal have a namespace each. After it run `perdure admin temporal provision`.
    """
    ended = run_command(_run(_NAMESPACE, str(keep_days)))
    console.print(f"Temporal has the namespace {ended.strip()}.", soft_wrap=True, markup=False)


async def _provision() -> str:
    registered = ", ".join((await _run(_PROGRAM)).splitlines())
    return f"Temporal has the search attributes {registered}."


async def _run(program: str, *arguments: str) -> str:
    from perdure.local.own_program import run_own_program

    ended = await run_own_program(program, *arguments)
    if ended.code:
        raise PerdureError(ended.errors.decode(errors="replace").strip() or f"{program} ended with {ended.code}.")
    return ended.output.decode()

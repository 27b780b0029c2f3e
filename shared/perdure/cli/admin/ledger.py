"""``perdure admin ledger``: the key that signs the audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console
from perdure.errors import SetupError

if TYPE_CHECKING:
    from perdure.contracts.audit import LedgerKeyRotated

__all__ = ["register"]

_ledger = new_group("The key that signs the audit record.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_ledger, name="ledger")


@_ledger.callback()
def group() -> None:
    """The key that signs the audit record."""


@_ledger.command(name="rotate", epilog="Example: perdure admin ledger rotate")
def rotate(*, as_json: Json = False) -> None:
    """Replace the key by a new one; both sign that in the record."""
    rotated = run_command(_rotate())
    if as_json:
        console.out(rotated.model_dump_json(exclude={"problem"}), highlight=False)
        return
    console.print(f"Leaf {rotated.leaf} replaces the key of the ledger:", soft_wrap=True)
    console.print(f"old {rotated.old}", soft_wrap=True, markup=False)
    console.print(f"new {rotated.new}", soft_wrap=True, markup=False)


async def _rotate() -> LedgerKeyRotated:
    from perdure.contracts.audit import ROTATE_LEDGER_KEY, LedgerKeyRotated

    async with open_bus() as bus:
        rotated = LedgerKeyRotated.model_validate_json(await bus.request(ROTATE_LEDGER_KEY, b""))
    if rotated.problem:
        raise SetupError(rotated.problem)
    return rotated

"""``perdure admin``: NATS permissions, contracts, and checks of a whole suite."""

from typing import Final

import typer

from perdure.cli.command_group import new_group

__all__ = ["register"]

_COMMANDS: Final = ("nats", "contracts", "check", "chaos")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("Set up NATS and contracts, and check a suite.", {n: f"{__name__}.{n}" for n in _COMMANDS})
    app.add_typer(group, name="admin")

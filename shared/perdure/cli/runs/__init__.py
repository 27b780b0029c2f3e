"""``perdure runs``: find, follow, signal and cancel runs."""

from typing import Final

import typer

from perdure.cli.command_group import new_group

__all__ = ["register"]

_COMMANDS: Final = ("list", "show", "watch", "result", "history", "trace", "signal", "cancel")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("Find, follow, signal and cancel runs.", {name: f"{__name__}.{name}" for name in _COMMANDS})
    app.add_typer(group, name="runs")

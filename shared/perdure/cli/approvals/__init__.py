"""``perdure approvals``: list and decide approval requests."""

from typing import Final

import typer

from perdure.cli.command_group import new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "list": f"{__name__}.list",
    "show": f"{__name__}.show",
    "watch": f"{__name__}.watch",
    "inbox": f"{__name__}.inbox",
    "approve": f"{__name__}.decide",
    "reject": f"{__name__}.decide",
    "withdraw": f"{__name__}.decide",
    "delegate": f"{__name__}.delegate",
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(new_group("List and decide approval requests.", _COMMANDS), name="approvals")

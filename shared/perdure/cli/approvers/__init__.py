"""``perdure approvers``: the people who may decide, and the keys that sign for them."""

from typing import Final

import typer

from perdure.cli.command_group import new_group

__all__ = ["register"]

_COMMANDS: Final = ("list", "add", "rotate", "revoke")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("List, add and revoke approvers and their keys.", {n: f"{__name__}.{n}" for n in _COMMANDS})
    app.add_typer(group, name="approvers")

"""``perdure approvers``: the people who may decide, and the keys that sign for them."""

from typing import Final

import typer

from perdure.cli.command_group import Entry, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "list": Entry(f"{__name__}.list", "List approvers, their roles and their keys."),
    "add": Entry(f"{__name__}.add", "Add an approver with a key, or roles and a key to a known one."),
    "accept": Entry(f"{__name__}.accept", "Accept a key that somebody offered in the console."),
    "rotate": Entry(f"{__name__}.rotate", "Create a new key; older keys stay valid until they are revoked."),
    "revoke": Entry(f"{__name__}.revoke", "Revoke a key: later decisions with it are refused."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("List, add and revoke approvers and their keys.", _COMMANDS)
    app.add_typer(group, name="approvers")

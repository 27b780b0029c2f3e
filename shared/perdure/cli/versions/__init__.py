"""``perdure versions``: list the versions of the code, promote one, go back, and retire one; alone it lists them."""

from typing import Final

import typer

from perdure.cli.command_group import OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "list": OnSuite(f"{__name__}.list", "List the versions of the code, and their open runs."),
    "promote": OnSuite(f"{__name__}.promote", "Let new runs start on a version; open runs stay where they are."),
    "rollback": OnSuite(f"{__name__}.rollback", "Let new runs start on the version before again."),
    "retire": OnSuite(f"{__name__}.retire", "Let Temporal forget a version without open runs."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("List, promote and retire versions of the code.", _COMMANDS, default="list")
    app.add_typer(group, name="versions")

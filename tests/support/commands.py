"""All commands of the command line, by their path."""

from collections.abc import Iterator
from typing import Final

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from perdure.cli.app import app
from perdure.cli.command_group import commands_of

__all__ = ["COMMANDS", "Command"]

Command = TyperCommand | TyperGroup


def _walk(command: object, path: str = "perdure") -> Iterator[tuple[str, Command]]:
    assert isinstance(command, TyperCommand | TyperGroup)
    yield path, command
    if isinstance(command, TyperGroup):
        for name, child in commands_of(command).items():
            yield from _walk(child, f"{path} {name}")


COMMANDS: Final[dict[str, Command]] = dict(_walk(get_command(app)))

"""All commands of the command line, by their path."""

from collections.abc import Iterator
from typing import Final

from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from perdure.cli.app import app

__all__ = ["COMMANDS", "Command"]

Command = TyperCommand | TyperGroup


def _walk(command: object, path: str = "perdure") -> Iterator[tuple[str, Command]]:
    assert isinstance(command, TyperCommand | TyperGroup)
    yield path, command
    if isinstance(command, TyperGroup):
        context = Context(command)
        for name in command.list_commands(context):
            yield from _walk(command.get_command(context, name), f"{path} {name}")


COMMANDS: Final[dict[str, Command]] = dict(_walk(get_command(app)))

"""Help texts of all commands: one style, one short line each."""

from collections.abc import Iterator

import pytest
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from perdure.cli.app import app

LONGEST = 70  # characters

Command = TyperCommand | TyperGroup


def walk(command: object, path: str = "perdure") -> Iterator[tuple[str, Command]]:
    assert isinstance(command, TyperCommand | TyperGroup)
    yield path, command
    if isinstance(command, TyperGroup):
        context = Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), f"{path} {name}")


COMMANDS = dict(walk(get_command(app)))
PARAMETERS = {
    f"{path} {parameter.name}": getattr(parameter, "help", None) or ""
    for path, command in COMMANDS.items()
    for parameter in command.params
    if parameter.name not in {"install_completion", "show_completion"}
}


@pytest.mark.parametrize("path", COMMANDS)
def test_the_first_help_line_of_a_command_is_one_short_sentence(path: str) -> None:
    first = (COMMANDS[path].help or "").partition("\n")[0]

    assert first[:1].isupper()
    assert first.endswith(".")
    assert len(first) <= LONGEST


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_option_and_argument_has_a_help_text(parameter: str) -> None:
    text = PARAMETERS[parameter]

    assert text[:1].isupper()
    assert text.endswith(".")


def test_the_commands_of_groups_are_included() -> None:
    assert {"perdure up", "perdure dlq resend", "perdure approvers add"} <= COMMANDS.keys()

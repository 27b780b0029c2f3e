"""Help texts of all commands: one style, one short line each."""

import pytest

from tests.support.commands import COMMANDS

LONGEST = 70  # characters

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

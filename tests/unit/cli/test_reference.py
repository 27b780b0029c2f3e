"""The reference of commands is the command tree's."""

from perdure.cli.app import app
from perdure.cli.reference import command_reference
from tests.support.documents import ROOT


def test_the_reference_of_commands_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference-commands.md").read_text()

    assert page == command_reference(app), "the command tree has changed: run `make reference`"

"""The two references are what the code makes of them."""

from perdure.cli.app import app
from perdure.cli.reference import command_reference
from perdure.config.reference import reference
from tests.support.documents import ROOT


def test_the_reference_of_commands_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference-commands.md").read_text()

    assert page == command_reference(app), "the command tree has changed: run `make reference`"


def test_the_reference_of_the_configuration_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference-config.md").read_text()

    assert page == reference(), "the settings have changed: run `make reference`"

"""Commands of the record that are given an empty text, or a file for a folder, refuse it before they ask anybody."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from perdure.cli.app import app
from perdure.cli.audit import erase
from perdure.errors import WrongArgument


@pytest.mark.parametrize(
    "words", [("",), ("--containing", ""), ("--containing", " "), ("Order~42", "--containing", "")]
)
def test_an_empty_text_erases_nothing(words: tuple[str, ...]) -> None:
    alone = typer.Typer()
    erase.register(alone)

    result = CliRunner().invoke(alone, [*words, "--act", "--by", "ada", "--why", "a test"])

    assert isinstance(result.exception, WrongArgument)
    assert "An empty text is in every message" in str(result.exception)


def test_a_file_is_no_export_to_explain_from(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").touch()

    result = CliRunner().invoke(app, ["explain", "42", "--offline", str(tmp_path / "perdure.yaml")])

    assert result.exit_code == 4
    assert "No export of a record lies in" in result.output

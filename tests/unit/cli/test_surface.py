"""The surface of the command line in one file, so that a review sees each change of it.

``WRITE_SURFACE=1 pytest tests/unit/cli/test_surface.py`` writes the file anew.
"""

import os
from pathlib import Path

from typer.testing import CliRunner

from perdure.cli.app import app
from tests.support.commands import COMMANDS

SURFACE = Path(__file__).with_name("surface.txt")


def surface() -> str:
    runner = CliRunner(env={"COLUMNS": "100", "TERMINAL_WIDTH": "100"})
    pages = [runner.invoke(app, [*path.split()[1:], "--help"]) for path in COMMANDS]
    assert [page.exit_code for page in pages] == [0] * len(pages)
    return "\n".join(f"$ {path} --help\n{page.stdout}" for path, page in zip(COMMANDS, pages, strict=True))


def test_the_help_of_every_command_is_as_recorded() -> None:
    if os.environ.get("WRITE_SURFACE"):
        SURFACE.write_text(surface())

    assert surface() == SURFACE.read_text(), "if this is wanted: WRITE_SURFACE=1 pytest tests/unit/cli/test_surface.py"

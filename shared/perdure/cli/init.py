"""``perdure init``: a folder with a workflow, its configuration and its tests, which run as they are."""

import os
import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.output import console
from perdure.errors import SetupError

__all__ = ["FILES", "register"]

_PACKAGED: Final = Path(__file__).parent / "greeting"  # in an installed package; a checkout has it in examples/
_IN_CHECKOUT: Final = Path(__file__).parents[3] / "examples" / "greeting"

FILES: Final = ("greetings.py", "perdure.yaml", "test_greetings.py", "conftest.py", "pyproject.toml")
"""What is copied from the example; `.gitignore` is added."""
_IGNORED: Final = ".perdure/\n__pycache__/\n.pytest_cache/\n"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure init hello && cd hello && pytest")
    def init(
        folder: Annotated[Path, typer.Argument(help="The folder; it is made if it does not exist.")] = Path(),
    ) -> None:
        """Write a workflow, its configuration and its tests.

        Existing files are never overwritten.
        """
        content = {name: (_source_folder() / name).read_text(encoding="utf-8") for name in FILES}
        _write(folder, {**content, ".gitignore": _IGNORED})
        console.print(f"Written to {folder}: {', '.join(content)}. Next:", soft_wrap=True, markup=False)
        enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
        for command in (
            f"{enter}pytest",
            "perdure up",
            """perdure publish people.arrived '{"name": "Ada"}'   # in a second terminal, then: perdure inbox""",
        ):
            console.print(f"  {command}", soft_wrap=True, markup=False)


def _source_folder() -> Path:
    found = next((folder for folder in (_PACKAGED, _IN_CHECKOUT) if folder.is_dir()), None)
    if found is None:
        raise SetupError("The files of `perdure init` are missing from this installation: reinstall perdure.")
    return found


def _write(folder: Path, content: dict[str, str]) -> None:
    """Write all files, or none.

    Raises:
        SetupError: A file exists already, or the folder cannot be written to.
    """
    taken = next((folder / name for name in content if os.path.lexists(folder / name)), None)
    if taken is not None:
        raise SetupError(f"{taken} exists already, and nothing was written: name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{folder} cannot be written to: {error.strerror}. Name another folder.") from error

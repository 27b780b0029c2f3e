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
"""What is copied from the example; `.gitignore` and `README.md` are added."""
_IGNORED: Final = ".perdure/\n__pycache__/\n.pytest_cache/\n"
_README: Final = """\
# A workflow on Perdure

`greetings.py` has the workflow, `perdure.yaml` the configuration, `test_greetings.py` the tests.

## Run

```sh
perdure up                                             # leave it running, take a second terminal
perdure publish people.arrived '{"name": "Ada"}'
perdure inbox                                          # approve
perdure runs list                                      # names the run
```

## Keep the history of a run of each kind

Open runs go on with new code, so new code must replay their histories. Keep one of each kind in this repository, under
its run id (RUN is `workflow_id` in `perdure runs list --json`), and another one when a workflow gets a new path:

```sh
mkdir -p histories
perdure runs history RUN > histories/RUN.json
```

## In CI

```sh
pytest                                                 # no server, no key
perdure replay histories                               # fails if such an open run would not go on, and names your line
```

Before a deployment, `perdure replay` does the same with the runs that are open; `perdure deploy` does it by itself.
"""


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
        _write(folder, {**content, ".gitignore": _IGNORED, "README.md": _README})
        console.print(f"Written to {folder}: {', '.join(content)}. Next:", soft_wrap=True, markup=False)
        enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
        for command in (
            f"{enter}pytest",
            "perdure up",
            """perdure publish people.arrived '{"name": "Ada"}'   # in a second terminal, then: perdure inbox""",
            "perdure replay histories                           # a step of your CI: README.md says which to keep",
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

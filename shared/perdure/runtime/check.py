"""Runs the checks of services as one program, ``python -m perdure.runtime.check perdure_ingest.check …``.

Each problem is a line of JSON on standard output. One program for all of them imports once what they share.
"""

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

from perdure.config.loader import load_settings
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.runtime.exit import exit_process

__all__ = ["main"]


def main(modules: Iterable[str]) -> None:
    """Print the problems that ``find_problems`` of each module yields; what the user's code prints goes to stderr."""
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(output, "w", encoding="utf-8") as lines:
        for name in modules:
            lines.writelines(
                f"{problem.model_dump_json()}\n" for problem in _problems(import_module(name).find_problems)
            )
            lines.flush()  # the next one imports the user's code, which may end the process


def _problems(find_problems: Callable[[Settings], Iterable[Problem]]) -> list[Problem]:
    try:
        return list(find_problems(load_settings()))
    except InvalidConfiguration as error:
        return list(error.problems)
    except SetupError as error:
        return [Problem(what=str(error))]


if __name__ == "__main__":
    main(sys.argv[1:])
    exit_process(0)

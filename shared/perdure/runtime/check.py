"""Runs the check of a service as a program: each problem is a line of JSON on standard output."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from perdure.config.loader import load_settings
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.runtime.exit import exit_process

__all__ = ["run_check"]


def run_check(find_problems: Callable[[Settings], Iterable[Problem]]) -> NoReturn:
    """Read the configuration, print its problems and end; what the user's code prints goes to standard error."""
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    problems = _problems(find_problems)
    with os.fdopen(output, "w", encoding="utf-8") as lines:
        lines.writelines(f"{problem.model_dump_json()}\n" for problem in problems)
    exit_process(0)


def _problems(find_problems: Callable[[Settings], Iterable[Problem]]) -> list[Problem]:
    try:
        return list(find_problems(load_settings()))
    except InvalidConfiguration as error:
        return list(error.problems)
    except SetupError as error:
        return [Problem(what=str(error))]

"""The build id: which code a version runs."""

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from perdure.builds.author_modules import author_modules
from perdure.config.project import BUILD_VARIABLE
from perdure.errors import SetupError

__all__ = ["build_id", "code_digest"]

_CONTROLLER: Final = "TEMPORAL_WORKER_BUILD_ID"  # Temporal's worker controller for Kubernetes sets it
_OURS: Final = ("perdure.flow", "perdure_orchestrator.interceptors", "perdure_orchestrator.workflows")
"""Perdure's packages whose code runs in workflows."""

_DIGITS: Final = 12
_FITTING: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def build_id(workflows: Iterable[str], path: Sequence[str] | None = None) -> str:
    """Return the id of the code that lies here.

    ``PERDURE_BUILD_ID`` wins, then ``TEMPORAL_WORKER_BUILD_ID``; else it is ``code_digest``.

    Args:
        workflows: The names of ``workflows:``.
        path: See ``author_modules``.

    Raises:
        SetupError: A module is not found or not Python, or a variable holds no fitting id.
    """
    for variable in (BUILD_VARIABLE, _CONTROLLER):
        if given := os.environ.get(variable):
            if not _FITTING.fullmatch(given):
                raise SetupError(
                    f"{variable} is {given!r}, but a build id is at most 128 letters, digits, dots, hyphens and "
                    "underscores."
                )
            return given
    return code_digest(workflows, path)


def code_digest(workflows: Iterable[str], path: Sequence[str] | None = None) -> str:
    """Return the first 12 hex digits of the SHA-256 of the code that decides what runs do.

    It covers the syntax trees of the registered modules, of the author's modules that they import, and of Perdure's
    own workflow code. So comments and formatting do not count, nor do libraries and files that are no modules.

    Args:
        workflows: The names of ``workflows:``.
        path: See ``author_modules``.

    Raises:
        SetupError: A module is not found, or its source is not Python.
    """
    authors = ((module.name, module.tree) for module in author_modules(workflows, path))
    lines = [_our_digest(), *(f"{name} {_digest(ast.dump(tree))}" for name, tree in authors)]
    return _digest("\n".join(lines))[:_DIGITS]


@cache
def _our_digest() -> str:
    return _digest("\n".join(f"{name} {_digest(ast.dump(tree))}" for name, tree in _our_modules()))


def _our_modules() -> Iterator[tuple[str, ast.Module]]:
    for package in _OURS:
        for folder in map(Path, _folders(package)):
            for file in sorted(folder.rglob("*.py")):
                yield f"{package}/{file.relative_to(folder)}", ast.parse(file.read_bytes())


def _folders(package: str) -> Sequence[str]:
    """Return the folders of a package of Perdure's.

    Raises:
        SetupError: It is not installed.
    """
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        raise SetupError(f"{package} is not installed here: pip install 'perdure[orchestrator]'.")
    return spec.submodule_search_locations


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

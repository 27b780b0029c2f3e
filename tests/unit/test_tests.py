"""The layout of the tests: modules share code through ``tests/support``, and never import a test module."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
PROGRAMS: Final = {"article/selling.py", "unit/orchestrator/tiny_server.py"}
"""The only helpers outside ``tests/support`` and ``tests/replay``: programs that are tested or executed as they are."""


def modules() -> list[Path]:
    return sorted(path.relative_to(TESTS) for path in TESTS.rglob("*.py"))


def imports(module: Path) -> Iterator[str]:
    """Yield the dotted name of each import of a module."""
    for node in ast.walk(ast.parse((TESTS / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def is_of_a_test_module(name: str) -> bool:
    """Whether ``name`` is a test module of these tests, or something in it."""
    package, *parts = name.split(".")
    return package in {"tests", ""} and any(part.startswith("test_") for part in parts)


def is_a_test_module(module: Path) -> bool:
    return module.name.startswith("test_") or module.name in {"conftest.py", "__init__.py"}


def test_no_module_imports_a_test_module() -> None:
    offenders = [f"{module}: {name}" for module in modules() for name in imports(module) if is_of_a_test_module(name)]

    assert offenders == []


def test_every_helper_is_in_the_support_folder() -> None:
    helpers = [module for module in modules() if not is_a_test_module(module) and module.as_posix() not in PROGRAMS]
    offenders = [module.as_posix() for module in helpers if module.parts[0] not in {"support", "replay"}]

    assert offenders == []

"""The threat model names a test for what it states, and each of these tests exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "deploy" / "threat-model.md").read_text()
ATTACKS: Final = sorted((ROOT / "tests" / "attacks").glob("test_*.py"))
NAMED: Final = re.compile(r"`((?:\w+/)*test_\w+): ([^`]+)`")
OPEN: Final = {"Attack": "succeeds", "Flaw": "accepted"}  # the field that is set while an attack succeeds


def calls(module: Path) -> Iterator[ast.Call]:
    """Yield each attack or flaw that a module of attacks lists."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OPEN and node.args:
            yield node


def attacks(module: Path) -> dict[str, bool]:
    """Return whether each attack of a module succeeds today, by name."""
    found = {}
    for call in calls(module):
        assert isinstance(call.func, ast.Name)
        field = OPEN[call.func.id]
        if isinstance(call.args[0], ast.Constant):
            found[str(call.args[0].value)] = any(keyword.arg == field for keyword in call.keywords)
    return found


def functions(module: Path) -> set[str]:
    """Return the tests of a module, as their functions are called."""
    tree = ast.parse(module.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def exists(path: str, name: str) -> bool:
    module = ROOT / "tests" / f"{path}.py"
    function = "test_" + re.sub(r"\W+", "_", name)
    return module.exists() and (name in attacks(module) or function in functions(module))


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield the heading of the last column and the cells of each row of a table, but for the table's head."""
    heading = ""
    for before, line in zip(["", *PAGE.splitlines()], PAGE.splitlines(), strict=False):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not before.startswith("|"):
            heading = cells[-1]
        elif not set(line) <= set("|- "):
            yield heading, cells


def test_every_test_that_is_named_exists() -> None:
    assert [found for found in NAMED.findall(PAGE) if not exists(*found)] == []


def test_every_sentence_of_a_table_with_tests_names_one() -> None:
    without = [cells[0] for heading, cells in rows() if heading == "test" and not NAMED.search(cells[-1])]

    assert without == []


def test_the_known_holes_are_the_attacks_that_succeed_today() -> None:
    section = PAGE.partition("## Known holes")[2]
    succeed = {
        (f"attacks/{module.stem}", name) for module in ATTACKS for name, is_open in attacks(module).items() if is_open
    }

    assert set(NAMED.findall(section)) == succeed


def test_there_are_at_least_sixty_attacks_each_under_a_name_of_its_own() -> None:
    names = [(module.stem, name) for module in ATTACKS for call in calls(module) if (name := name_of(call))]

    assert len(names) >= 60
    assert len(names) == len(set(names))


def name_of(call: ast.Call) -> str | None:
    first = call.args[0]
    return str(first.value) if isinstance(first, ast.Constant) else None


@pytest.mark.parametrize("module", ATTACKS, ids=lambda module: module.stem)
def test_every_module_of_attacks_lists_some(module: Path) -> None:
    assert len(attacks(module)) > 4

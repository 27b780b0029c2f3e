"""The threat model names a test for what it states, and each of these tests exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "deploy" / "threat-model.md").read_text()
ACTORS: Final = sorted((ROOT / "tests" / "support" / "attacks" / "actors").glob("*.py"))
FLAWS: Final = ROOT / "tests" / "attacks" / "test_configuration.py"
NAMED: Final = re.compile(r"`((?:\w+/)+\w+): ([^`]+)`")
STATES: Final = re.compile(r"\b(can|cannot)\b")  # what an attacker can or cannot do
ASSETS: Final = "what an attacker wants"  # the table that states nothing about attackers


def attacks(module: Path) -> list[str]:
    """Return the names of the attacks or flaws that a module lists."""
    calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call) and node.args]
    named = [node.args[0] for node in calls if isinstance(node.func, ast.Name) and node.func.id in {"Attack", "Flaw"}]
    return [name.value for name in named if isinstance(name, ast.Constant) and isinstance(name.value, str)]


def functions(module: Path) -> set[str]:
    """Return the tests of a module, as their functions are called."""
    tree = ast.parse(module.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def exists(path: str, name: str) -> bool:
    actor = ROOT / "tests" / "support" / "attacks" / "actors" / f"{path.removeprefix('attacks/')}.py"
    module = actor if path.startswith("attacks/") and actor.exists() else ROOT / "tests" / f"{path}.py"
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


def paragraphs() -> Iterator[str]:
    """Yield the text between headings and tables, without the page's introduction."""
    _, *sections = re.split(r"^## .*$", PAGE, flags=re.MULTILINE)
    for section in sections:
        text = "\n".join(line for line in section.splitlines() if not line.startswith("|"))
        yield from filter(None, (it.strip() for it in text.split("\n\n")))


def test_every_test_that_is_named_exists() -> None:
    assert [found for found in NAMED.findall(PAGE) if not exists(*found)] == []


def test_every_row_about_attackers_names_a_test() -> None:
    about_attackers = [(heading, cells) for heading, cells in rows() if heading != ASSETS]

    assert {heading for heading, _ in about_attackers} == {"test"}
    assert [cells[0] for _, cells in about_attackers if not NAMED.search(cells[-1])] == []


def test_every_paragraph_about_attackers_names_a_test() -> None:
    assert [it for it in paragraphs() if STATES.search(it) and not NAMED.search(it)] == []


def test_there_are_at_least_sixty_attacks_each_under_a_name_of_its_own() -> None:
    names = [(module.stem, name) for module in (*ACTORS, FLAWS) for name in attacks(module)]

    assert len(names) >= 60
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", [*ACTORS, FLAWS], ids=lambda module: module.stem)
def test_every_module_of_attacks_lists_some(module: Path) -> None:
    assert len(attacks(module)) > 4

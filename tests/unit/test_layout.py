"""The layout that CONTRIBUTING describes: short files, one noun each, and no module outside of its room."""

import ast
import re
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = [file for folder in ("shared", "services") for file in sorted((ROOT / folder).rglob("*.py"))]
DOCUMENTS: Final = [
    file
    for pattern in ("*.md", "docs/*.md", "deploy/*.md", "examples/*/README.md")
    for file in sorted(ROOT.glob(pattern))
    if file.name != "CHANGELOG.md"  # it names what was renamed
]

# The old vocabulary, apart from dead letters and plain speech.
OLD_WORDS: Final = re.compile(
    r"\b(?:said|heard|hears|told|ear|voices?|(?<!dead )(?<!dead-)(?<!capital )letters?(?!, digits|-spacing))\b",
    re.IGNORECASE,
)
RECORDED: Final = re.compile(  # names that histories, streams, buckets or tables hold
    r"perdure-unfit-signals-are-told|alias=\"said\"|``said``|\bsaid_at\b|heard_at|slack\.heard\.|AliasChoices"
)


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def test_every_file_has_at_most_250_lines_and_half_of_them_at_most_80() -> None:
    lengths = {file.relative_to(ROOT).as_posix(): len(lines(file)) for file in SOURCES}

    assert {name: length for name, length in lengths.items() if length > 250} == {}
    assert median(lengths.values()) <= 80


def test_no_module_lies_loose_in_perdure_but_the_public_ones() -> None:
    assert sorted(file.name for file in (ROOT / "shared/perdure").glob("*.py")) == [
        "__init__.py",
        "errors.py",
        "history.py",
    ]


def test_no_two_public_classes_have_one_name() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in SOURCES]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    shared = {name for name, count in names.items() if count > 1 and not name.startswith("_")}

    assert shared == {"Agent"}  # `perdure.flow.mcp_agent` has mcp-agent's names


def test_the_old_vocabulary_is_gone() -> None:
    left = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in (*SOURCES, *DOCUMENTS)
        for number, line in enumerate(lines(file), 1)
        if OLD_WORDS.search(line) and not RECORDED.search(line)
    ]

    assert left == []

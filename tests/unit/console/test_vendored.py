"""The script files of others are those of the package, byte for byte."""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from perdure_console.pages import FOLDER

STATIC: Final = FOLDER / "static"
LINES: Final = [line.split() for line in (STATIC / "vendored.txt").read_text().splitlines() if not line.startswith("#")]
PACKAGE: Final = Path(sys.prefix) / "npm" / "node_modules" / "htmx.org"


def test_each_file_of_others_is_named_with_its_hash() -> None:
    ours = {"canonical.js", "decide.js", "enrol.js", "key_store.js", "keys.js", "state.js"}

    assert {name for _, name, _ in LINES} | ours == {file.name for file in STATIC.glob("*.js")}


@pytest.mark.parametrize(("digest", "name", "place"), LINES)
def test_a_file_has_its_hash_and_is_that_of_the_package(digest: str, name: str, place: str) -> None:
    content = (STATIC / name).read_bytes()

    assert sha256(content).hexdigest() == digest
    assert PACKAGE.exists(), "htmx from npm is not installed: run `make test`"
    assert content == (PACKAGE / place).read_bytes()


def test_a_first_visit_costs_at_most_100_kilobytes() -> None:
    assert sum(file.stat().st_size for file in STATIC.iterdir() if file.suffix in {".js", ".css", ".svg"}) < 90_000

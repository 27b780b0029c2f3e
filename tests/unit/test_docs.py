"""The documents name only files that exist and codes that are defined."""

import re
from pathlib import Path
from typing import Final, get_args

import pytest

from perdure.contracts import ReceiptCode

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *DOCS,
    *sorted((ROOT / "deploy").glob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
_PATH: Final = re.compile(r"(?<![\w./-])(?:shared|services|tests|deploy|docs|examples|bench)/[\w./-]*")
_LINK: Final = re.compile(r"]\((?!https?://|#)([^)#]+)[^)]*\)")
_MOST_LINES: Final = 120


def named(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", [ROOT / "CONTRIBUTING.md", *DOCS], ids=named)
def test_every_path_that_is_named_exists(document: Path) -> None:
    paths = {path.rstrip(".") for path in _PATH.findall(document.read_text())}

    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = _LINK.findall(document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_contributing_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= _MOST_LINES


def test_every_receipt_code_is_explained() -> None:
    _, _, table = (ROOT / "docs" / "approvals.md").read_text().partition("## Receipt codes")

    assert set(re.findall(r"`(\w+)`(?=[^|\n]*\|)", table)) == set(get_args(ReceiptCode)) - {"refused"}

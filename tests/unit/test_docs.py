"""The documents are short, name only what exists, and explain every code."""

import re
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit

import pytest

from perdure.bus.topology import APPEND_ONLY, BUCKETS, OBJECTS, QUEUES, STREAMS
from perdure.contracts import Reason, ReceiptCode
from perdure.values.size_text import size_text
from tests.support.documents import DOCUMENTS, PAGES, README, ROOT, named

_PATH: Final = re.compile(r"(?<![\w./-])(?:shared|services|tests|deploy|docs|examples|bench)/[\w./-]*")
_CODE: Final = re.compile(r"^( *)```.*?^\1```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"]\(([^)\s]*)\)|<(https?://[^>]*)>")
WRITTEN: Final = [page for page in PAGES if not page.name.startswith("reference-")]
_MOST_LINES: Final = {"README.md": 200, "CONTRIBUTING.md": 120}
_WIDEST: Final = 132
_GENERATED: Final = {"alerts.md", "metrics.md"}
"""Pages with the expressions of rules as they are."""


@pytest.mark.parametrize("document", [ROOT / "CONTRIBUTING.md", *WRITTEN], ids=named)
def test_every_path_that_is_named_exists(document: Path) -> None:
    paths = {path.rstrip(".") for path in _PATH.findall(document.read_text())}

    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for link in links(document):
        if link.startswith(("https://", "http://")):
            wrong += [link] if not urlsplit(link).hostname else []
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)

    assert wrong == []


@pytest.mark.parametrize("name", _MOST_LINES)
def test_a_first_page_is_short_enough_to_be_read(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= _MOST_LINES[name]


@pytest.mark.parametrize("document", [README, *(it for it in WRITTEN if it.name not in _GENERATED)], ids=named)
def test_no_line_of_prose_is_wider_than_an_editor(document: Path) -> None:
    lines = document.read_text().splitlines()
    in_table = {number for number, line in enumerate(lines) if line.startswith("|")}

    assert [line for number, line in enumerate(lines) if len(line) > _WIDEST and number not in in_table] == []


def test_the_readme_leads_to_every_page() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(README) if "://" not in link}

    assert {named(page) for page in PAGES if page not in linked} == set()


def test_every_receipt_code_is_explained() -> None:
    _, _, table = (ROOT / "docs" / "approvals.md").read_text().partition("## Receipt codes")

    assert set(re.findall(r"`(\w+)`(?=[^|\n]*\|)", table)) == set(get_args(ReceiptCode)) - {"refused"}


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    rows = (ROOT / "docs" / "dead-letters.md").read_text().partition("| reason |")[2].partition("\n\n")[0]
    reasons = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in rows.splitlines()[2:]]

    assert sorted(reason for row in reasons for reason in row) == sorted(get_args(Reason))


def test_the_retention_of_every_stream_and_bucket_is_listed() -> None:
    rows = (ROOT / "docs" / "operating.md").read_text().partition("| what | kept |")[2].partition("\n\n")[0]
    listed: dict[str, str] = {}
    for row in rows.splitlines()[2:]:
        _, what, kept, *_ = row.split("|")
        listed |= dict.fromkeys(re.findall(r"(?:bucket )?\b[A-Z]{3,}\b", what), kept.strip())
    streams = {name: stream.max_age for name, stream in (STREAMS | QUEUES | APPEND_ONLY).items()}
    buckets = {f"bucket {name}": age for name, age in (BUCKETS | OBJECTS).items()}

    for name, age in (streams | buckets).items():
        assert listed[name].startswith(f"{age.days} days" if age else ("until done", "for ever")), name


def test_the_size_at_which_each_stream_refuses_or_raises_an_alert_is_listed() -> None:
    rows = (ROOT / "docs" / "operating.md").read_text().partition("| what | kept |")[2].partition("\n\n")[0]
    listed: dict[str, str] = {}
    for row in rows.splitlines()[2:]:
        listed |= dict.fromkeys(re.findall(r"\b[A-Z]{3,}\b", row.split("|")[1]), row.split("|")[3].strip())

    for name, stream in STREAMS.items():
        size = size_text(stream.max_bytes).replace(".0", "")
        shown = f"{size}, then" if stream.trimmed_by else f"never; an alert at {size}"
        assert listed[name].startswith(shown), name


def links(document: Path) -> list[str]:
    """Return the targets of all links outside of code."""
    prose = _CODE.sub("`", document.read_text())
    return [first or second for first, second in _LINK.findall(prose)]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings."""
    found: list[str] = []
    for line in _CODE.sub(lambda code: code[0] if "\n" not in code[0] else "", document.read_text()).splitlines():
        if heading := re.match(r"#+ (.*)", line):
            text = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            found.append(f"{text}-{count}" if (count := found.count(text)) else text)
    return set(found)

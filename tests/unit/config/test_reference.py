"""The generated reference of the configuration: complete, and every key has a meaning."""

import re

from perdure.config.reference import reference
from tests.support.documents import ROOT

TEXT = reference()
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", TEXT, re.MULTILINE)


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_key_has_a_type_and_a_meaning_that_is_a_sentence() -> None:
    assert [
        (name, kind, meaning) for name, kind, _, meaning in ROWS if not kind or meaning[-1:] not in {".", ")"}
    ] == []
    assert len(ROWS) > 100


def test_every_section_begins_with_what_it_is_for() -> None:
    for text in TEXT.split("\n## ")[1:]:
        assert text.splitlines()[2].strip(), text


def test_every_link_leads_to_a_heading() -> None:
    headings = re.findall("^## (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\(#(.*?)\)", TEXT)) <= anchors


def test_types_defaults_and_units_are_shown() -> None:
    assert "| `replicas` | `1` or `3` or `5` | `1` |" in section("`nats`")
    assert "| `model` | text or list of text | `offline` |" in section("`llm`")
    assert "| `request_timeout` | duration | `2m` |" in section("`llm`")
    assert "| `on` | text | required |" in section("`routes[]`")
    assert "| `schema` |" in section("`routes[]`")
    assert "| `http_port` | whole number from 0 to 65,535 | `8702` |" in section("`orchestrator`")


def test_a_section_that_stands_in_several_places_is_described_once() -> None:
    assert "## `llm.retry`, `mcp.retry`, `agents.<name>.retry`" in TEXT
    assert TEXT.count("| `backoff_coefficient` |") == 1


def test_the_reference_of_the_configuration_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference-config.md").read_text()

    assert page == TEXT, "the settings have changed: run `make reference`"

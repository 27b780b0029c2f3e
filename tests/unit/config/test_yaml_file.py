"""YAML as people write it: what has two meanings or none is an error with its file and line, never a guess."""

from datetime import time
from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.yaml_file import read_yaml, source_position
from perdure.errors import SetupError

WINDOW = "routes: [{{on: a, start: A, window: {{opens: {opens}, closes: 06:00}}}}]"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str | bytes) -> None:
    Path("perdure.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("22:00", "22:00"), ("1:30", "1:30"), ("1:30.5", "1:30.5"), ("-1:30", "-1:30")),
        *(("010", 10), ("0o10", 8), ("0x10", 16), ("-7", -7), ("+7", 7), ("0", 0)),
        *(("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("-1.5E-3", -0.0015)),
    ],
)
def test_numbers_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = read_yaml(text)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("opens", ["22:00", "'22:00'", "22:00:00"])
def test_a_time_of_day_needs_no_quotes(opens: str) -> None:
    write(WINDOW.format(opens=opens))

    window = load_settings().routes[0].window

    assert window is not None
    assert (window.opens, window.closes) == (time(22), time(6))


@pytest.mark.parametrize("opens", ["22", "1320", "'1320'", "22.5", "25:00", "22:00Z", "true", "x", "2026-01-01"])
def test_what_is_no_time_of_day_is_refused(opens: str) -> None:
    write(WINDOW.format(opens=opens))

    with pytest.raises(SetupError, match=r"perdure\.yaml:1: routes\.0\.window\.opens: .*such as 22:00"):
        load_settings()


@pytest.mark.parametrize(
    "text",
    [
        *("- a", "5", "x", "true", "5: x", "? [a]\n: b", "nats: {}\nlimits: {}\nnats: {}", "state: 2026-13-45"),
        *("state: !!int x", "state: !!python/object:x {}", b"state: \xff", "a\0b", "[" * 5_000, "a: b: c", "&a [*a]"),
    ],
)
def test_what_is_no_configuration_is_reported_in_a_sentence_with_the_file(text: str | bytes) -> None:
    write(text)

    with pytest.raises(SetupError, match=r"perdure\.yaml") as raised:
        load_settings()

    assert "<unicode string>" not in str(raised.value)
    assert source_position("state") in {"", "perdure.yaml:1"}  # a service asks for lines while the file is edited


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("nats: {}\n\nnats: {}", r"^perdure\.yaml:3: .*nats.*twice"),
        ("routes:\n - on: a\n   start: A\n   on: b", r"^perdure\.yaml:4: .*on.*twice"),
        ("routes:\n  - {on: a", r"^perdure\.yaml:2: "),
        ("state: x\nworkflows: greetings", r"perdure\.yaml:2: workflows: .*list"),
    ],
)
def test_the_line_is_named(text: str, where: str) -> None:
    write(text)

    with pytest.raises(SetupError, match=where):
        load_settings()


def test_a_merged_key_may_be_overridden() -> None:
    assert read_yaml("a: &a {x: 1, y: 1}\nb:\n  <<: *a\n  y: 2") == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}

from pathlib import Path

import pytest

from perdure.errors import SetupError
from perdure.verify.expectation import read_expected, write_expected
from perdure.verify.records import Expected


def test_written_events_can_be_read(tmp_path: Path) -> None:
    events = [Expected("é 1", "a.b", "dead_letter"), Expected("2", "a.c")]
    write_expected(tmp_path / "events", events)

    assert read_expected(tmp_path / "events") == events


def test_the_outcome_is_optional_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"id": "1", "type": "a"}\n\n')

    assert read_expected(file) == [Expected("1", "a")]


@pytest.mark.parametrize(
    "line", ["{", '{"id": "1"}', '{"id": 1, "type": "a"}', '{"id": "1", "type": "a", "outcome": "x"}']
)
def test_the_error_names_a_wrong_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "events"
    file.write_text(f'{{"id": "1", "type": "a"}}\n{line}\n')

    with pytest.raises(SetupError, match=r"events:2 is no event"):
        read_expected(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_expected(tmp_path / "nowhere")

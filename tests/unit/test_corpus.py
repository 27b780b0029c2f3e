"""The corpus of histories grows by a folder with each release: its runs must replay under all code after it."""

import json
from pathlib import Path

from tests.replay.corpus import HISTORIES
from tests.replay.releases import kinds, lacking, released

TWO = "## Unreleased\n\n## 0.3.1\n\n## 0.3.0\n\n## [0.2.0] - 2026-12-24\n"


def record(folder: Path, workflow: str, *events: str) -> None:
    folder.mkdir(exist_ok=True)
    first = {
        "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
        "workflowExecutionStartedEventAttributes": {"workflowType": {"name": workflow}},
    }
    history = {"events": [first, *({"eventType": f"EVENT_TYPE_{event}"} for event in events)]}
    (folder / f"{workflow}.json").write_text(json.dumps(history))


def test_the_newest_release_has_recorded_all_kinds_of_histories_that_the_one_before_had() -> None:
    changelog = (HISTORIES.parents[2] / "CHANGELOG.md").read_text()

    assert not lacking(changelog, HISTORIES), "record them: python -m tests.replay.record --release <major>.<minor>"


def test_the_first_release_has_many_kinds_of_histories() -> None:
    assert len(kinds([HISTORIES / "0.1"])) >= 70


def test_a_release_without_a_folder_or_with_too_little_in_it_is_found(tmp_path: Path) -> None:
    record(tmp_path / "0.2", "Basket", "TIMER_STARTED")
    record(tmp_path / "0.2-sagas", "Booking", "MARKER_RECORDED")
    without = lacking(TWO, tmp_path)
    record(tmp_path / "0.3", "Basket", "TIMER_STARTED")
    too_little = lacking(TWO, tmp_path)
    record(tmp_path / "0.3", "Booking", "MARKER_RECORDED")

    assert released(TWO) == ["0.3", "0.2"]
    assert {"a folder 0.3", "Basket", "Booking"} < without
    assert too_little == {"Booking", "EVENT_TYPE_MARKER_RECORDED"}
    assert lacking(TWO, tmp_path) == set()

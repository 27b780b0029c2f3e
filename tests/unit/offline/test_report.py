from perdure_offline.analysis import Analysis
from perdure_offline.report import report
from perdure_offline.task import OfflineTask


def test_one_task_is_answered_without_a_heading(contract: str) -> None:
    assert report(Analysis(contract), [OfflineTask.SUMMARY]) == Analysis(contract).summary.text


def test_several_tasks_have_a_heading_each(contract: str) -> None:
    written = report(Analysis(contract), [OfflineTask.SUMMARY, OfflineTask.KEY_PHRASES])

    headings = [line for line in written.splitlines() if line.startswith("#")]
    assert headings == ["# Analysis: Supply Agreement: Optical Encoders", "## Summary", "## Key phrases"]


def test_a_report_has_every_section(contract: str) -> None:
    written = report(Analysis(contract), [])

    assert all(f"## {task.capitalize()}" in written for task in OfflineTask)
    assert "- **organisation**: Harbour Lane Robotics GmbH (2)" in written


def test_the_report_on_an_empty_text_states_what_is_missing() -> None:
    written = report(Analysis(""), [])

    assert "no sentence to choose" in written
    assert "names nothing" in written

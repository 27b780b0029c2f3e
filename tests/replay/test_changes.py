"""The gate on changes of code: each that open runs do not survive is named with its line, and no other."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from opentelemetry import trace
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import create_tracer_provider

from perdure.config.settings import Settings
from perdure_orchestrator.registry import registry_of
from perdure_orchestrator.replay.findings import ReplayFinding
from perdure_orchestrator.replay.run_replayer import RunReplayer
from tests.replay.changes import BREAKING, COMPATIBLE, HOUR, Change
from tests.replay.corpus import HISTORIES, workflow_id_of

WORKFLOWS: Final = Path(__file__).with_name("workflows")
TIMER_STARTED: Final = 29  # in the history of Greeting


@pytest.fixture(autouse=True)
def tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", create_tracer_provider(shutdown_on_exit=False))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules, which no test finds that another has written."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


async def replay(change: Change, folder: Path, up_to: int | None = None) -> ReplayFinding | None:
    """Replay a history, up to an event, against the code after a change."""
    text = (WORKFLOWS / f"{change.module}.py").read_text()
    assert change.old in text
    (folder / "changed.py").write_text(text.replace(change.old, change.new))
    file = HISTORIES / "0.1" / f"{change.history}.json"
    whole = WorkflowHistory.from_json(workflow_id_of(file), file.read_text())
    history = WorkflowHistory(whole.workflow_id, whole.events[:up_to])
    name = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
    async with RunReplayer(registry_of([import_module("changed")]), Settings()) as replayer:
        replayed = await replayer.replay(name, history)
    assert not replayed.is_spent
    return replayed.finding


@pytest.mark.parametrize("change", BREAKING, ids=lambda change: change.what)
async def test_a_change_that_breaks_open_runs_is_named_with_event_and_line(change: Change, folder: Path) -> None:
    found = await replay(change, folder)

    assert found is not None
    assert found.line is not None
    file, _, number = found.line.rpartition(":")
    assert file == "changed.py"
    assert change.line in (folder / file).read_text().splitlines()[int(number) - 1]
    assert found.event == change.event
    assert change.why in found.sentence


@pytest.mark.parametrize("change", COMPATIBLE, ids=lambda change: change.what)
async def test_a_change_that_open_runs_survive_passes(change: Change, folder: Path) -> None:
    assert await replay(change, folder) is None


async def test_a_step_that_an_open_run_should_have_begun_is_named_though_temporal_finds_it_later(folder: Path) -> None:
    """The timer has not fired, and temporalio compares what comes after the last event with nothing."""
    both = "        late = asyncio.create_task(asyncio.sleep(3600))\n        await asyncio.sleep(0)\n"
    more = '        workflow.start_activity(greet, "more", start_to_close_timeout=SOON)\n        await late\n'
    change = Change("step beside a timer", "plain-greeting", "plain", HOUR, both + more)

    found = await replay(change, folder, TIMER_STARTED)

    assert found is not None
    assert "the activity greet" in found.sentence
    assert found.line == f"changed.py:{line_of('workflow.start_activity(greet', folder)}"


@pytest.mark.parametrize("event", [3, 5, 7, 9, 12, 18, 29, 30, 32])
async def test_an_open_run_replays_wherever_it_stands(event: int, folder: Path) -> None:
    same = Change("nothing", "plain-greeting", "plain", HOUR, HOUR)

    assert await replay(same, folder, event) is None


def line_of(text: str, folder: Path) -> int:
    lines = (folder / "changed.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)

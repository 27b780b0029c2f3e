"""Histories in files, as ``perdure runs history`` and Temporal's UI write them."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory

from perdure.errors import NotFound, WrongArgument
from perdure_orchestrator.replay.corpus import RecordedRun

__all__ = ["folder_runs"]

_COMPLETED: Final = "workflowTaskCompletedEventAttributes"
_ADVICE: Final = "`perdure runs history RUN` prints a history."


async def folder_runs(folder: Path) -> AsyncIterator[RecordedRun]:
    """Yield the runs of all ``.json`` files in and below a folder, or of one file.

    Raises:
        NotFound: There is nothing at this path.
        WrongArgument: A file is no history.
    """
    if not folder.exists():
        raise NotFound(f"There is no folder {folder}: `perdure runs history RUN > FOLDER/RUN.json` writes a history.")
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*.json")):
        yield _recorded(file)


def _recorded(file: Path) -> RecordedRun:
    """Read what the first event and the last completed task say; to read all of a history takes 20 times as long."""
    try:
        events = json.loads(file.read_text(encoding="utf-8"))["events"]
        completed = [event for event in events if _COMPLETED in event]
        history = _parsed(file, [events[0], *completed[-1:]])
    except (ValueError, KeyError, TypeError, IndexError) as error:  # whatever JSON may be instead
        raise WrongArgument(f"{file} is no history of a run ({error}): {_ADVICE}") from error
    if not history.events[0].HasField("workflow_execution_started_event_attributes"):
        raise WrongArgument(f"{file} does not begin with the start of a run: {_ADVICE}")
    started = history.events[0].workflow_execution_started_event_attributes
    return RecordedRun(
        run=started.workflow_id or file.stem,
        run_id=started.original_execution_run_id,
        workflow=started.workflow_type.name,
        build=history.events[-1].workflow_task_completed_event_attributes.deployment_version.build_id or None,
        load=partial(_load, file),
    )


async def _load(file: Path) -> History:
    try:
        return _parsed(file, json.loads(file.read_text(encoding="utf-8"))["events"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongArgument(f"{file} is no history of a run ({error}): {_ADVICE}") from error


def _parsed(file: Path, events: list[dict[str, Any]]) -> History:
    return History(events=WorkflowHistory.from_json(file.stem, {"events": events}).events)

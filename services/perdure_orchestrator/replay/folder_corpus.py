"""Histories in files, as ``perdure runs history`` and Temporal's UI write them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory

from perdure.errors import NotFound, WrongArgument
from perdure_orchestrator.replay.corpus import RecordedRun

__all__ = ["folder_runs"]

_STARTED: Final = "workflow_execution_started_event_attributes"
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
        history = _read(file)
        started = getattr(history.events[0], _STARTED)

        async def load(file: Path = file) -> History:
            return _read(file)

        yield RecordedRun(
            run=started.workflow_id or file.stem,
            run_id=started.original_execution_run_id,
            workflow=started.workflow_type.name,
            build=_build(history),
            load=load,
        )


def _read(file: Path) -> History:
    try:
        events = WorkflowHistory.from_json(file.stem, json.loads(file.read_text(encoding="utf-8"))).events
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # whatever JSON may be instead
        raise WrongArgument(f"{file} is no history of a run ({error}): {_ADVICE}") from error
    if not events or not events[0].HasField(_STARTED):
        raise WrongArgument(f"{file} does not begin with the start of a run: {_ADVICE}")
    return History(events=events)


def _build(history: History) -> str | None:
    """Return the build id of the worker that has completed the last task."""
    for event in reversed(history.events):
        if event.HasField("workflow_task_completed_event_attributes"):
            return event.workflow_task_completed_event_attributes.deployment_version.build_id or None
    return None

"""Finds workflow code that temporalio's sandbox refuses to load, as a worker would at its start."""

import asyncio
import linecache

from perdure.config.problem import Problem
from perdure.connections.temporal_internals import load_workflow
from perdure.values.author_code import author_frame, short_path
from perdure_orchestrator.sandbox import workflow_runner

__all__ = ["sandbox_problem"]

_OUTSIDE = (
    "If it has no side effects, or only activities use it, load it once outside of the sandbox:\n"
    "      with workflow.unsafe.imports_passed_through():\n"
    "          {line}"
)
_NOT_DETERMINISTIC = "A workflow must do the same in every replay: move this into an activity."


def sandbox_problem(workflow: type) -> Problem | None:
    """Load a workflow in the sandbox, and return what is wrong with its code."""
    try:
        asyncio.run(_load(workflow))
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the code is the user's: it may raise anything)
        package = workflow.__module__.partition(".")[0]
        frame = author_frame(error, {package})
        if frame is None:
            return Problem(what=f"The workflow {workflow.__name__} does not load in the sandbox: {error}")
        file, number = frame
        line = linecache.getline(file, number).strip()
        reason = str(error).partition(". ")[0]
        is_import = line.startswith(("import ", "from "))
        advice = _OUTSIDE.format(line=line) if is_import else _NOT_DETERMINISTIC
        what = f"`{line}` does not load in the workflow sandbox ({reason}). {advice}"
        return Problem(where=f"{short_path(file)}:{number}", what=what)
    return None


async def _load(workflow: type) -> None:
    """Load the workflow in an event loop: the sandbox makes the workflow's own from it."""
    load_workflow(workflow_runner(sandboxed=True), workflow)

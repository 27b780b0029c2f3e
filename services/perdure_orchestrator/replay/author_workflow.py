"""The place of a workflow in its author's code, also of one that the code does not have any more."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from perdure.config.yaml_file import source_position
from perdure.connections.temporal_internals import run_parameters
from perdure.values.author_code import short_path
from perdure.values.nearest import nearest
from perdure_orchestrator.replay.findings import ReplayFinding

__all__ = ["missing_workflow", "run_method_line"]

_ANY: Final = "*"  # what the registry calls a dynamic workflow


def missing_workflow(name: str, known: Mapping[str, type]) -> ReplayFinding | None:
    """Return what is wrong with a run if no workflow has the name; the line is that of the most similar one."""
    if name in known or _ANY in known:
        return None
    similar = get_close_matches(name, known, n=1)
    line = run_method_line(known[similar[0]]) if similar else source_position("workflows") or None
    return ReplayFinding(1, line, f"No workflow is called {name} any more{nearest(name, known, stop='.')}")


def run_method_line(workflow: type) -> str:
    """Return the place of a workflow's run method, as ``orders.py:42``."""
    code = run_parameters(workflow)[0].__code__
    return f"{short_path(code.co_filename)}:{code.co_firstlineno}"

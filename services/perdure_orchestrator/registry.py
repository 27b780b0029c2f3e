"""Which workflows and activities there are: the built-in ones and those of the user's own modules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from perdure.errors import SetupError

__all__ = ["Registry", "load_registry"]

_BUILT_IN: Final = "perdure_orchestrator.workflows"
_WORKFLOW: Final = "__temporal_workflow_definition"  # what @workflow.defn leaves on a class
_ACTIVITY: Final = "__temporal_activity_definition"  # what @activity.defn leaves on a function


@dataclass(frozen=True, slots=True)
class Registry:
    """What a worker of ours can run.

    Attributes:
        workflows: Classes that ``@workflow.defn`` marks, by the name under which they are started.
        activities: Functions that ``@activity.defn`` marks.
    """

    workflows: dict[str, type]
    activities: tuple[Callable[..., Any], ...]


def load_registry(modules: Sequence[str]) -> Registry:
    """Import the modules and collect what they define.

    Raises:
        SetupError: A module cannot be imported, or two workflows share a name.
    """
    workflows: dict[str, type] = {}
    activities: list[Callable[..., Any]] = []
    for name in (_BUILT_IN, *modules):
        module = _import(name)
        for workflow in _marked(module, _WORKFLOW):
            label = getattr(workflow, _WORKFLOW).name
            if workflows.setdefault(label, workflow) is not workflow:
                raise SetupError(f"Two workflows are called {label}: {workflows[label].__module__} and {name}.")
        activities += [found for found in _marked(module, _ACTIVITY) if found not in activities]
    return Registry(workflows, tuple(activities))


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise SetupError(
            f"The workflow module {name} cannot be imported ({error}). It must be installed, or lie in the folder in "
            "which Perdure is started, or in PYTHONPATH."
        ) from error


def _marked(module: ModuleType, mark: str) -> Iterator[Any]:
    for value in vars(module).values():
        if mark in getattr(value, "__dict__", {}):
            yield value

"""The registered workflows and activities: the built-in ones and those of the user's modules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isfunction
from types import ModuleType
from typing import Any, Final

from perdure.connections.temporal_internals import activity_name, handler_names, workflow_name
from perdure.errors import SetupError
from perdure.flow.decision_verdict import VERIFY_DECISIONS
from perdure.flow.facts import DRAIN_DECISIONS, PUBLISH_FACTS
from perdure.flow.messages import CALL_FUNCTION, CALL_MODEL, CALL_TOOL, QUERY_SERVERS, READ_RULES
from perdure.flow.policy_request import RESOLVE_POLICY
from perdure.values.reserved import is_reserved, reserved_text
from perdure_orchestrator.user_modules import import_user_module

__all__ = ["Registry", "load_registry", "refuse_reserved_names", "registry_of"]

_BUILT_IN: Final = "perdure_orchestrator.workflows"
_STEPS: Final = frozenset(
    {
        CALL_MODEL,
        QUERY_SERVERS,
        CALL_FUNCTION,
        CALL_TOOL,
        DRAIN_DECISIONS,
        READ_RULES,
        RESOLVE_POLICY,
        PUBLISH_FACTS,
        VERIFY_DECISIONS,
    }
)  # the activities of the plugin


@dataclass(frozen=True, slots=True)
class Registry:
    """What the orchestrator's worker can run.

    Attributes:
        workflows: Classes that ``@workflow.defn`` marks, by the name under which they are started.
        activities: Functions that ``@activity.defn`` marks.
    """

    workflows: Mapping[str, type]
    activities: tuple[Callable[..., Any], ...]


def load_registry(modules: Sequence[str]) -> Registry:
    """Import the modules and collect their workflows and activities, beside the built-in ones.

    Raises:
        SetupError: A module cannot be imported or defines nothing, or a name is taken.
    """
    return registry_of(map(import_user_module, (_BUILT_IN, *modules)))


def registry_of(modules: Iterable[ModuleType]) -> Registry:
    """Collect the workflows and activities of modules, and the activities inside of their workflow classes.

    Raises:
        SetupError: A module defines nothing, or a name is taken or reserved.
    """
    workflows: dict[str, type] = {}
    activities: dict[str, Callable[..., Any]] = {}
    for module in modules:
        own_workflows = _named(vars(module), workflow_name)
        own_activities = _named(vars(module), activity_name) + [
            found for _, workflow in own_workflows for found in _named(vars(workflow), activity_name)
        ]
        if not own_workflows and not own_activities and not _has_tools(module):
            raise SetupError(
                f"The module {module.__name__} defines no workflow, no activity and no function: is @workflow.defn "
                "missing?"
            )
        refuse_reserved_names(workflow for _, workflow in own_workflows)
        _add("workflows", own_workflows, workflows, module)
        _add("activities", own_activities, activities, module)
        if taken := _STEPS & activities.keys():
            raise SetupError(
                f"The activity {min(taken)} of {module.__name__} has the name of one of Perdure's own activities: "
                'rename it with @activity.defn(name="...").'
            )
    return Registry(workflows, tuple(activities.values()))


def refuse_reserved_names(workflows: Iterable[type]) -> None:
    """Refuse workflows that take a name of Perdure's own, or handle one: they would answer in Perdure's place.

    Raises:
        SetupError: The name is reserved.
    """
    for workflow in workflows:
        for kind, name in handler_names(workflow):
            if is_reserved(name):
                raise SetupError(f"{reserved_text(kind, name)} Rename it in {workflow.__module__}.{workflow.__name__}.")


def _named(values: Mapping[str, Any], name_of: Callable[[Any], str | None]) -> list[tuple[str, Any]]:
    """Return the marked values, each with its name; a static method counts as its function."""
    plain = [value.__func__ if isinstance(value, staticmethod) else value for value in values.values()]
    return [(name, value) for value in plain if (name := name_of(value)) is not None]


def _has_tools(module: ModuleType) -> bool:
    """Return whether the module defines functions: agents may use them as tools."""
    return any(isfunction(value) and value.__module__ == module.__name__ for value in vars(module).values())


def _add(kind: str, own: Sequence[tuple[str, Any]], known: dict[str, Any], module: ModuleType) -> None:
    for label, value in own:
        if known.setdefault(label, value) is not value:
            raise SetupError(f"Two {kind} are called {label}: {known[label].__module__} and {module.__name__}.")

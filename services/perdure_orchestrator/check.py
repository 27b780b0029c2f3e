"""Checks the user's workflows and the model, and starts nothing."""

from collections.abc import Iterator
from types import ModuleType

from perdure.approvers import unknown_workflow
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.settings import Settings
from perdure.config.yaml_file import source_position
from perdure.errors import SetupError
from perdure.local.approver import known_approvers
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.models import Models, UnknownModel
from perdure_orchestrator.agents.server_folder import folder_problems
from perdure_orchestrator.approvals_check import approval_problems
from perdure_orchestrator.registry import Registry, load_registry, registry_of
from perdure_orchestrator.sandbox_check import sandbox_problem
from perdure_orchestrator.user_modules import import_user_module

__all__ = ["find_problems"]


def find_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the modules of ``workflows:``, routes, the model, MCP servers and approvals."""
    broken = list(_module_problems(settings))
    yield from broken
    if not broken:
        yield from _registry_problems(settings)
    yield from _model_problems(settings)
    yield from folder_problems(settings)
    yield from _approvers_problems(settings)


def _module_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what prevents each module from being imported, here and in the sandbox."""
    for number, name in enumerate(settings.workflows):
        where = source_position("workflows", number)
        try:
            module = import_user_module(name)
            own = registry_of([module])
        except InvalidConfiguration as error:
            yield from (Problem(where=problem.where or where, what=problem.what) for problem in error.problems)
        except SetupError as error:
            yield Problem(where=where, what=str(error))
        else:
            if settings.temporal.sandbox:
                yield from _sandbox_problems(own, module)


def _sandbox_problems(own: Registry, module: ModuleType) -> Iterator[Problem]:
    """Yield what the sandbox refuses; all workflows of a module share its imports, so the first one is enough."""
    of_module = [workflow for workflow in own.workflows.values() if workflow.__module__ == module.__name__]
    if of_module and (problem := sandbox_problem(of_module[0])):
        yield problem


def _registry_problems(settings: Settings) -> Iterator[Problem]:
    try:
        registry = load_registry(settings.workflows)
    except SetupError as error:
        yield Problem(where=source_position("workflows"), what=str(error))
        return
    for policy in settings.approvals.policies:
        if what := unknown_workflow(policy, registry.workflows):
            yield Problem(where=source_position("approvals", "policies", policy), what=what, is_warning=True)
    for number, route in enumerate(settings.routes):
        elsewhere = route.task_queue not in {None, settings.temporal.task_queue}
        if route.workflow is None or elsewhere or route.workflow in registry.workflows:
            continue
        near = nearest(route.workflow, registry.workflows, stop=".")
        what = f"route {route.label}: no workflow is called {route.workflow}{near}"
        what = f"{what} Correct the name, or add its module to `workflows:`."
        yield Problem(where=source_position("routes", number), what=what)


def _model_problems(settings: Settings) -> Iterator[Problem]:
    try:
        Models(settings.llm).check()
    except UnknownModel as error:
        yield Problem(where=source_position("llm", "model"), what=str(error))


def _approvers_problems(settings: Settings) -> Iterator[Problem]:
    try:
        known = known_approvers(settings)
    except SetupError as error:
        yield Problem(where=source_position("approvals", "approvers"), what=str(error))
    else:
        yield from approval_problems(settings, known)

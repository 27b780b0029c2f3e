"""The names of mcp-agent: those that exist work as the page has it, and each other one is refused with what to do."""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import pytest

from perdure.flow import mcp_agent
from perdure.flow.mcp_agent.absent_table import ABSENT, Absent
from perdure.flow.mcp_agent.agents.agent import Agent
from perdure.flow.mcp_agent.app import MCPApp
from perdure.flow.mcp_agent.executor.workflow import Workflow
from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM
from perdure.flow.mcp_agent.workflows.llm.augmented_llm_openai import OpenAIAugmentedLLM
from tests.support.documents import ROOT

PAGE = (ROOT / "docs" / "mcp-agent.md").read_text()
OWNERS: dict[str, Any] = {
    "app.MCPApp": MCPApp("shop"),
    "agents.agent.Agent": Agent("clerk"),
    "executor.workflow.Workflow": Workflow[str](),
    "workflows.llm.augmented_llm.AugmentedLLM": AugmentedLLM(Agent("clerk")),
}
OF_MODULES = [(row, name) for row in ABSENT if row.is_module for name in row.names]
OF_CLASSES = [(row, name) for row in ABSENT if row.place in OWNERS for name in row.names]
PRIVATE = {"absent", "absent_table", "from_functions", "workflow_calls"}  # no modules of mcp-agent


def modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(mcp_agent.__path__, f"{mcp_agent.__name__}.")
    return [importlib.import_module(it.name) for it in found if it.name.rpartition(".")[2] not in PRIVATE]


def names_here() -> set[str]:
    """Return each name that exists, without the package: classes, and what classes have."""
    found = set[str]()
    for module in modules():
        place = module.__name__.removeprefix(f"{mcp_agent.__name__}.")
        for name in getattr(module, "__all__", ()):
            found.add(f"{place}.{name}")
            own = vars(getattr(module, name)) if place != "executor.workflow" else {}
            found |= {f"{place}.{name}.{it}" for it, value in own.items() if inspect.isfunction(value) and it[0] != "_"}
    return found


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    rows = PAGE.partition(heading)[2].partition("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if row.startswith("|")]
    return cells[2:]


def row_of(absent: Absent) -> list[str]:
    return [f"`{absent.place}`", ", ".join(f"`{name}`" for name in absent.names), absent.instead]


def test_the_page_lists_each_name_that_exists() -> None:
    listed = {name.strip("`") for names, _ in table("## Names that exist") for name in names.split(", ")}

    assert listed == names_here() | {"workflow", "workflow.execute_activity", "workflow.signal_wait"}


def test_the_page_lists_each_name_that_does_not_exist() -> None:
    assert table("## Names that do not exist") == [row_of(absent) for absent in ABSENT]


@pytest.mark.parametrize(("row", "name"), OF_MODULES, ids=lambda it: it if isinstance(it, str) else it.place)
def test_an_absent_name_of_a_module_cannot_be_imported_and_the_error_has_what_to_do(row: Absent, name: str) -> None:
    for module in (f"perdure.flow.mcp_agent.{row.place}", "perdure.flow.mcp_agent"):
        with pytest.raises(ImportError) as refused:
            exec(f"from {module} import {name}", {})  # noqa: S102 (as a program has it)

        assert str(refused.value).endswith(f" of mcp-agent: {row.instead}.")
    assert str(refused.value) == f"perdure.flow.mcp_agent has no {name} of mcp-agent: {row.instead}."


@pytest.mark.parametrize(("row", "name"), OF_CLASSES, ids=lambda it: it if isinstance(it, str) else it.place)
def test_an_absent_attribute_is_an_error_that_has_what_to_do(row: Absent, name: str) -> None:
    with pytest.raises(AttributeError) as refused:
        getattr(OWNERS[row.place], name)

    kind = row.place.rpartition(".")[2]
    assert str(refused.value) == f"{kind} has no {name} of mcp-agent: {row.instead}."


@pytest.mark.parametrize("place", OWNERS)
def test_a_name_that_mcp_agent_does_not_have_either_is_an_ordinary_error(place: str) -> None:
    with pytest.raises(AttributeError, match="object has no attribute 'colour'"):
        _ = OWNERS[place].colour


def test_a_module_that_nobody_knows_is_refused_with_the_page() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"has no colours of mcp-agent: docs/mcp-agent\.md lists"):
        importlib.import_module("perdure.flow.mcp_agent.colours")


def test_an_attribute_of_the_package_is_refused_like_an_import() -> None:
    with pytest.raises(ImportError, match=r"perdure\.flow\.mcp_agent has no Orchestrator of mcp-agent: `orchestrate`"):
        _ = mcp_agent.Orchestrator  # type: ignore[attr-defined] # type checkers know
    assert not hasattr(mcp_agent, "colour")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: MCPApp("shop", settings="mine.yaml"), r"MCPApp has no settings of mcp-agent: write it into"),
        (lambda: MCPApp("shop", colour="red"), r"MCPApp has no option colour; there are: name, description\."),
        (lambda: Agent("clerk", human_input_callback=print), r"Agent has no human_input_callback of mcp-agent: `await"),
        (lambda: Agent("clerk", instructon="Hi"), r"An agent has no option instructon: did you mean instruction\?"),
        (lambda: MCPApp().workflow_task(retry_policy=None), r"workflow_task has no retry_policy of mcp-agent: give it"),
        (OpenAIAugmentedLLM, r"OpenAIAugmentedLLM takes agent= and nothing else"),
        (lambda: OpenAIAugmentedLLM(name="a"), r"AugmentedLLM has no name of mcp-agent: give it to the agent\."),
    ],
)
def test_an_option_that_only_mcp_agent_has_is_refused(made: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        made()


def test_a_subclass_may_have_an_option_that_mcp_agent_has_too() -> None:
    class Clerk(Agent):
        def __init__(self, context: str, **options: Any) -> None:
            super().__init__(f"clerk of {context}", **options)

    assert Clerk(context="the shop", instruction="Be brief.").name == "clerk of the shop"

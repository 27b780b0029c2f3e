"""The base class of workflows, and their result."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.flow.mcp_agent.absent import absent_attribute, absent_names
from perdure.flow.result import WorkflowResult

__all__ = ["Workflow", "WorkflowResult"]

Value = TypeVar("Value")


class Workflow(Generic[Value]):
    """The base class of mcp-agent's workflows; here any class is a workflow."""

    if not TYPE_CHECKING:  # type checkers report names that do not exist themselves

        def __getattr__(self, name: str) -> Any:
            raise absent_attribute("executor.workflow.Workflow", name, self)


if not TYPE_CHECKING:
    __getattr__ = absent_names(__name__)

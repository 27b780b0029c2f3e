"""The code of an article on mcp-agent as it is printed, and the few changes with which a reader runs it here."""

from dataclasses import dataclass
from typing import Final

from tests.support.documents import ROOT, block, blocks

__all__ = ["CHANGES", "HISTORY", "PRINTED", "Change", "changed_programs", "configurations", "printed_programs"]

PRINTED: Final = "tests/article/printed.md"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the programs.

    Attributes:
        old: What is printed; it occurs once.
        new: What a reader writes instead.
        why: The reason.
    """

    old: str
    new: str
    why: str


CHANGES: Final = (
    Change(
        "from mcp_agent.app import MCPApp\nfrom mcp_agent.executor.workflow import Workflow, WorkflowResult\n",
        "from perdure.flow.mcp_agent.app import MCPApp\n"
        "from perdure.flow.mcp_agent.executor.workflow import Workflow, WorkflowResult\n",
        "the package has another name; its modules have the same",
    ),
    Change(
        'app = MCPApp(name="resilient_agent")\n',
        "from datetime import timedelta\n"
        "from temporalio.common import RetryPolicy\n"
        "from temporalio.exceptions import ApplicationError\n"
        "from perdure.flow.mcp_agent import workflow\n"
        "from perdure.flow.mcp_agent.agents.agent import Agent\n\n"
        'app = MCPApp(name="resilient_agent")\n',
        "the article uses these names and prints no import of them",
    ),
    Change(
        "class OrderProcessingWorkflow(Workflow[dict]):\n",
        """class OrderProcessingWorkflow(Workflow[dict]):
    @app.workflow_task
    async def reserve_inventory(self, order: dict) -> str:
        return f"r-{order['id']}"

    @app.workflow_task
    async def process_payment(self, order: dict) -> str:
        return f"p-{order['id']}"

    @app.workflow_task
    async def schedule_shipping(self, order: dict) -> str:
        if order.get("far"):
            raise ApplicationError("nobody ships there", non_retryable=True)
        return f"s-{order['id']}"

    @app.workflow_task
    async def release_inventory(self, reserved: str) -> None: ...

    @app.workflow_task
    async def refund_payment(self, paid: str) -> None: ...

""",
        "the article executes these activities and does not print them",
    ),
    Change(
        '@app.async_tool(name="EssayGradingWorkflow")\n',
        "@app.workflow_task\n"
        "async def notify_error(text: str) -> None: ...\n\n\n"
        '@app.async_tool(name="EssayGradingWorkflow")\n',
        "the article executes this activity and does not print it",
    ),
)
"""All that a reader changes in the five programs."""


def printed_programs() -> list[str]:
    """Return the five programs as printed, in the article's order: each goes on where the one before it ends."""
    return [it.text for it in blocks("python", ROOT / PRINTED) if it.text != HISTORY]


def changed_programs() -> str:
    """Return the five programs as one module, with the changes."""
    text = "\n\n".join(printed_programs())
    for change in CHANGES:
        assert text.count(change.old) == 1, change
        text = text.replace(change.old, change.new)
    return text


def configurations() -> list[str]:
    """Return the article's configurations of a Temporal of one's own and of one in production."""
    return [it.text for it in blocks("yaml", ROOT / PRINTED)]


HISTORY: Final = block(PRINTED, "export_workflow_history")
"""Exports a run's history; ``executor`` is not defined in the article."""

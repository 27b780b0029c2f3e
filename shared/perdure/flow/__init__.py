"""What a workflow author imports, over plain temporalio: agents, approvals and sagas as awaitable calls."""

from perdure.contracts import Escalation, Policy
from perdure.flow.agent import Agent
from perdure.flow.alert import alert
from perdure.flow.approval import Approved, Expired, Outcome, Rejected, approval
from perdure.flow.llm import Reply
from perdure.flow.note import note
from perdure.flow.renewal import renew_when_long
from perdure.flow.result import WorkflowResult
from perdure.flow.saga import Saga
from perdure.flow.tool_call import ToolAnswer
from perdure.flow.tool_error import ToolError

__all__ = [
    "Agent",
    "Approved",
    "Escalation",
    "Expired",
    "Outcome",
    "Policy",
    "Rejected",
    "Reply",
    "Saga",
    "ToolAnswer",
    "ToolError",
    "WorkflowResult",
    "alert",
    "approval",
    "note",
    "renew_when_long",
]

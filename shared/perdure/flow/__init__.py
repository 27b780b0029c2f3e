"""The author's API over plain temporalio: agents, approvals and sagas as awaitable calls."""

from perdure.contracts import Escalation, Policy
from perdure.flow.agent import Agent
from perdure.flow.approval import approval
from perdure.flow.continue_as_new import renew_when_long
from perdure.flow.llm import Reply
from perdure.flow.messages import ToolError, ToolResult
from perdure.flow.notify import alert, note
from perdure.flow.outcomes import ApprovalOutcome, Approved, Expired, Rejected
from perdure.flow.result import WorkflowResult
from perdure.flow.saga import Saga

__all__ = [
    "Agent",
    "ApprovalOutcome",
    "Approved",
    "Escalation",
    "Expired",
    "Policy",
    "Rejected",
    "Reply",
    "Saga",
    "ToolError",
    "ToolResult",
    "WorkflowResult",
    "alert",
    "approval",
    "note",
    "renew_when_long",
]

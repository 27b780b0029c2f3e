"""What a workflow author imports, over plain temporalio: agents and approvals as awaitable calls."""

from perdure.flow.agent import Agent
from perdure.flow.approval import Approved, Expired, Outcome, Rejected, approval
from perdure.flow.note import note

__all__ = ["Agent", "Approved", "Expired", "Outcome", "Rejected", "approval", "note"]

"""What people read: a pure function of what happened."""

import json
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Message,
)

__all__ = ["Notice", "render"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell people, on whatever channel.

    Attributes:
        headline: One line.
        text: All that is needed to answer.
    """

    headline: str
    text: str


def render(message: Message) -> Notice | None:
    """Put an approval message into words; nothing for messages that people need not hear."""
    match message:
        case ApprovalRequested():
            return Notice(f"Approval wanted: {message.title}", _question(message))
        case ApprovalReminded():
            return Notice("Still waiting for an approval", f"Request {message.request_id}, reminder {message.count}.")
        case ApprovalEscalated():
            return Notice("Approval escalated", f"Request {message.request_id} now goes to {', '.join(message.to)}.")
        case ApprovalDecided():
            verb = "approved" if message.decision == "approve" else "rejected"
            return Notice(f"{message.approver} {verb} {message.request_id}", message.comment)
        case ApprovalExpired():
            return Notice("Approval closed", f"Request {message.request_id}: {message.reason}.")
        case _:
            return None


def _question(request: ApprovalRequested) -> str:
    return "\n".join(
        [
            f"Request {request.request_id} of {request.workflow}",
            *([_details(request.details)] if request.details is not None else []),
            *([f"On approval: {_details(request.action)}"] if request.action is not None else []),
            f"Answer {_until(request.expires_at)}:",
            f"  perdure approve {request.request_id}",
            f"  perdure reject {request.request_id} --reason '...'",
        ]
    )


def _details(details: JsonValue) -> str:
    return details if isinstance(details, str) else json.dumps(details, indent=2, ensure_ascii=False)


def _until(end: datetime | None) -> str:
    return "whenever you can" if end is None else f"before {end:%Y-%m-%d %H:%M:%S %Z}"

"""Text for terminals about approval requests and their outcomes."""

from pydantic import JsonValue
from rich.text import Text

from perdure.approvers.policy_text import approvers_text, policy_facts
from perdure.cli.output import local_day
from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Message,
    Policy,
)
from perdure.values.printable import as_text, one_line

__all__ = ["deadline_text", "facts_of", "line"]


def line(message: Message) -> Text | None:
    """Return the line about a message of an approval request; None for other messages."""
    match message:
        case ApprovalRequested():
            parts = "?", "yellow", message.title
        case ApprovalReminded():
            parts = "?", "yellow", f"still waits, reminder {message.count}"
        case ApprovalEscalated():
            parts = "!", "yellow", f"escalated to: {', '.join(message.to)}"
        case ApprovalDecided(decision="approve"):
            parts = "✓", "green", f"approved by {message.approver}  {message.comment}"
        case ApprovalDecided():
            parts = "✗", "red", f"rejected by {message.approver}  {message.comment}"
        case ApprovalExpired():
            parts = "■", "red", message.reason
        case _:
            return None
    sign, colour, what = parts
    return Text.assemble((sign, colour), f" {one_line(f'{message.request_id}  {what}')}")


def facts_of(request: ApprovalRequested, current: Policy | None = None) -> list[tuple[str, str]]:
    """Name all that a reviewer needs to see; ``current`` is its policy after the escalations so far."""
    facts = [
        ("request", one_line(request.request_id)),
        ("title", one_line(request.title)),
        ("run", one_line(f"{request.workflow_id} ({request.workflow})")),
        ("severity", request.severity),
        ("requester", one_line(request.requester or "")),
        ("behalf of", one_line(request.on_behalf_of or "")),
        ("details", _shown(request.details)),
        ("action", _shown(request.action)),
        ("approvers", approvers_text(current or request.policy)),
        *policy_facts(request.policy),
        ("until", deadline_text(request)),
        ("digest", request.digest),
    ]
    return [(name, value) for name, value in facts if value]


def deadline_text(request: ApprovalRequested) -> str:
    """Return until when a decision counts."""
    return local_day(request.expires_at) if request.expires_at else "no end"


def _shown(value: JsonValue) -> str:
    return "" if value is None else as_text(value)

"""How requests and what becomes of them are put into words on a terminal."""

from pydantic import JsonValue
from rich.text import Text

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Message,
    Policy,
)
from perdure.values.printable import as_text

__all__ = ["approvers_text", "deadline_text", "facts_of", "line"]


def line(message: Message) -> Text | None:
    """Tell what happened to a request; nothing, if it is about none."""
    match message:
        case ApprovalRequested():
            told = "?", "yellow", message.title
        case ApprovalReminded():
            told = "?", "yellow", f"still waits, reminder {message.count}"
        case ApprovalEscalated():
            told = "!", "yellow", f"now asked: {', '.join(message.to)}"
        case ApprovalDecided(decision="approve"):
            told = "✓", "green", f"approved by {message.approver}  {message.comment}"
        case ApprovalDecided():
            told = "✗", "red", f"rejected by {message.approver}  {message.comment}"
        case ApprovalExpired():
            told = "■", "red", message.reason
        case _:
            return None
    sign, colour, what = told
    return Text.assemble((sign, colour), f" {message.request_id}  {what}")


def facts_of(request: ApprovalRequested) -> list[tuple[str, str]]:
    """Name all that a reviewer needs to see."""
    facts = [
        ("request", request.request_id),
        ("title", request.title),
        ("run", f"{request.workflow_id} ({request.workflow})"),
        ("asked by", request.requester or ""),
        ("details", _shown(request.details)),
        ("action", _shown(request.action)),
        ("asked", approvers_text(request.policy)),
        ("until", deadline_text(request)),
        ("digest", request.digest),
    ]
    return [(name, value) for name, value in facts if value]


def approvers_text(policy: Policy) -> str:
    """Tell who may answer, and how many it takes."""
    who = [*policy.people, *(f"role {role}" for role in policy.roles)]
    return f"{policy.quorum} of {', '.join(who) or 'all approvers'}"


def deadline_text(request: ApprovalRequested) -> str:
    """Tell until when an answer counts."""
    return f"{request.expires_at:%Y-%m-%d %H:%M:%S} UTC" if request.expires_at else "no end"


def _shown(value: JsonValue) -> str:
    return "" if value is None else as_text(value)

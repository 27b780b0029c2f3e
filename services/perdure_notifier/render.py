"""What people read: a pure function of what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from perdure.contracts import (
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
)
from perdure.values.printable import as_text, printable
from perdure_notifier.notice import Notice

__all__ = ["Words", "deadline_text", "render", "render_digest"]


@dataclass(frozen=True, slots=True)
class Words:
    """Something to tell people, on whatever channel.

    Attributes:
        headline: One line.
        text: All that is needed to answer.
    """

    headline: str
    text: str


def render(notice: Notice) -> Words:
    """Put what happened into words."""
    words = _words(notice)
    failed = "" if notice.instead_of is None else f"({notice.instead_of} failed) "
    return Words(printable(f"{failed}{words.headline}"), printable(words.text))


def render_digest(notices: Sequence[Notice]) -> Words:
    """Put many into one; of one, its own words."""
    words = [render(notice) for notice in notices]
    if len(words) == 1:
        return words[0]
    text = "\n\n".join(f"{it.headline}\n{it.text}".rstrip() for it in words)
    return Words(f"{len(words)} notices about approvals", text)


def deadline_text(end: datetime | None) -> str:
    """Say until when an answer counts."""
    return "whenever you can" if end is None else f"before {end:%Y-%m-%d %H:%M:%S %Z}"


def _words(notice: Notice) -> Words:
    message, title = notice.message, notice.request.title if notice.request else notice.thread
    match message:
        case Alert():
            details = f"\n{as_text(message.details)}" if message.details is not None else ""
            return Words(message.title, f"Run {message.workflow_id} of {message.workflow}.{details}")
        case ApprovalRequested():
            return Words(f"Approval wanted: {title}", _question(message))
        case ApprovalReminded():
            return Words(f"Still waiting: {title}", f"Request {message.request_id}, reminder {message.count}.")
        case ApprovalEscalated():
            return Words(f"Escalated: {title}", f"Request {message.request_id} now goes to {', '.join(message.to)}.")
        case ApprovalDecided():
            verb = "approved" if message.decision == "approve" else "rejected"
            what = f"Request {message.request_id} of {message.workflow}."
            return Words(f"{message.approver} {verb}: {title}", f"{what}\n{message.comment}".rstrip())
        case ApprovalExpired():
            return Words(f"Closed: {title}", f"Request {message.request_id}: {message.reason}.")


def _question(request: ApprovalRequested) -> str:
    urgent = request.severity in {"high", "critical"}
    return "\n".join(
        [
            f"Request {request.request_id} of {request.workflow}" + (f", {request.severity}" if urgent else ""),
            *([f"Asked by {request.requester}"] if request.requester else []),
            *([as_text(request.details)] if request.details is not None else []),
            *([f"On approval: {as_text(request.action)}"] if request.action is not None else []),
            f"Answer {deadline_text(request.expires_at)}:",
            f"  perdure approve {request.request_id}",
            f"  perdure reject {request.request_id} --reason '...'",
        ]
    )

"""The text of notices, for channels that show plain text: pure functions."""

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
from perdure.values.printable import as_text, one_line, quoted
from perdure.values.short_code import request_word
from perdure_notifier.notice import Notice

__all__ = ["NoticeText", "decided_before", "render", "render_digest"]


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A notice as plain text.

    Attributes:
        headline: One line.
        body: Everything that a person needs to decide. May be empty.
    """

    headline: str
    body: str

    def joined(self) -> str:
        """Return headline and body, without blank lines at the end."""
        return f"{self.headline}\n{self.body}".rstrip()


def render(notice: Notice) -> NoticeText:
    """Return the text of a notice, with control characters made visible.

    Text from outside is folded into one line, or stands behind a bar: it cannot pretend to be a line of the notice.
    """
    text = _notice_text(notice)
    failed = "" if notice.instead_of is None else f"({notice.instead_of} failed) "
    return NoticeText(one_line(f"{failed}{text.headline}"), text.body)


def render_digest(notices: Sequence[Notice]) -> NoticeText:
    """Return one text for several notices; for a single one, its own text."""
    texts = [render(notice) for notice in notices]
    if len(texts) == 1:
        return texts[0]
    return NoticeText(f"{len(texts)} notices about approvals", "\n\n".join(text.joined() for text in texts))


def decided_before(end: datetime | None) -> str:
    """Return until when a decision is accepted, such as ``before 2026-12-01 12:00:00 UTC``."""
    return "at any time" if end is None else f"before {end:%Y-%m-%d %H:%M:%S %Z}"


def _notice_text(notice: Notice) -> NoticeText:
    message, title = notice.message, notice.request.title if notice.request else notice.thread
    match message:
        case Alert():
            details = f"\n{quoted(as_text(message.details))}" if message.details is not None else ""
            return NoticeText(message.title, one_line(f"Run {message.workflow_id} of {message.workflow}.") + details)
        case ApprovalRequested():
            return NoticeText(f"Approval requested: {title}", _request_text(message))
        case ApprovalReminded():
            body = f"Request {message.request_id} still waits for a decision. This is reminder {message.count}."
            return NoticeText(f"Reminder: {title}", one_line(body))
        case ApprovalEscalated():
            body = f"Request {message.request_id} is escalated to {', '.join(message.to)}."
            return NoticeText(f"Escalated: {title}", one_line(body))
        case ApprovalDecided():
            verb = "approved" if message.decision == "approve" else "rejected"
            body = one_line(f"Request {message.request_id} of {message.workflow}.")
            comment = f"\n{quoted(message.comment)}" if message.comment else ""
            return NoticeText(f"{message.approver} {verb}: {title}", f"{body}{comment}")
        case ApprovalExpired():
            return NoticeText(f"Closed: {title}", one_line(f"Request {message.request_id}: {message.reason}."))


def _request_text(request: ApprovalRequested) -> str:
    urgent, name = request.severity in {"high", "critical"}, request_word(request.request_id)
    about = f"Request {request.request_id} of {request.workflow}" + (f", {request.severity}" if urgent else "")
    return "\n".join(
        [
            one_line(about),
            *([one_line(f"Requested by {request.requester}")] if request.requester else []),
            *([one_line(f"On behalf of {request.on_behalf_of}, as the run says")] if request.on_behalf_of else []),
            *([quoted(as_text(request.details))] if request.details is not None else []),
            *([f"On approval:\n{quoted(as_text(request.action))}"] if request.action is not None else []),
            f"Decide {decided_before(request.expires_at)}:",
            f"  perdure approve {name}",
            f"  perdure reject {name} --reason '...'",
        ]
    )

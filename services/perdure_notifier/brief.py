"""Notices without what a run shows: for a channel that ends in a log, while encryption is on."""

from perdure.contracts import (
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
)
from perdure.values.printable import one_line
from perdure.values.short_code import request_word
from perdure_notifier.notice import Notice
from perdure_notifier.render import NoticeText

__all__ = ["render_brief"]


def render_brief(notice: Notice) -> NoticeText:
    """Return which run or request a notice is about, and the command that shows its text."""
    match notice.message:
        case Alert() as alert:
            about = f"Alert of the run {alert.workflow_id} of {alert.workflow}"
            return NoticeText(one_line(about), "  perdure audit tail --subject alerts")
        case ApprovalRequested() as message:
            what = "Approval requested"
        case ApprovalReminded() as message:
            what = f"Reminder {message.count}"
        case ApprovalEscalated() as message:
            what = "Escalated"
        case ApprovalDecided() as message:
            what = f"{message.approver} {'approved' if message.decision == 'approve' else 'rejected'}"
        case ApprovalExpired() as message:
            what = "Closed"
    about = f"{what}: request {message.request_id} of {message.workflow}"
    return NoticeText(one_line(about), f"  perdure approvals show {request_word(message.request_id)}")

"""What people see in Slack, in Block Kit: pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Sha256,
)
from perdure_notifier.channels.slack_text import Block, Part, context, header, literal, marked, shown
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["APPROVE", "REASON", "REJECT", "ButtonContext", "blocks_of", "reason_dialog", "settled"]

APPROVE: Final = "perdure_approve"
REJECT: Final = "perdure_reject"
REASON: Final = "reason"

_REASON_AT_MOST: Final = 3_000  # characters; Slack's own limit, below that of a comment


class ButtonContext(BaseModel):
    """What a button stands for: exactly what was shown.

    Attributes:
        request_id: The request.
        digest: Of what the message showed.
        first_run_id: Of the run that asked.
        response_url: Where the one who clicked is told what became of it; only in the dialog that a click opened.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    digest: Sha256
    first_run_id: str | None = None
    response_url: str | None = None


def blocks_of(notice: Notice, mentions: Sequence[str], *, answers: bool) -> list[Block]:
    """Show a notice.

    Args:
        notice: What happened.
        mentions: Slack's ids of those who are asked.
        answers: Whether a question has buttons.
    """
    message = notice.message
    if not isinstance(message, ApprovalRequested):
        words = render(notice)
        called = mentions if isinstance(message, ApprovalReminded | ApprovalEscalated) else ()
        headline = header(words.headline)
        blocks = [headline.block if headline.whole else shown(words.headline).block]
        blocks += [shown(words.text).block] if words.text else []
        return [*blocks, *([marked(_mentioned(called))] if called else [])]
    parts = [*_parts(message)]
    return [*(part.block for part in parts), _facts(message, mentions), _answering(message, parts, answers=answers)]


def settled(request: ApprovalRequested, outcome: ApprovalDecided | ApprovalExpired) -> list[Block]:
    """Show a question in place of itself once it is settled: what was asked, and what became of it."""
    return [*(part.block for part in _parts(request)), _facts(request), *_outcome(outcome)]


def reason_dialog(asked: ButtonContext) -> Block:
    """Ask why not."""
    return {
        "type": "modal",
        "callback_id": REJECT,
        "private_metadata": asked.model_dump_json(),
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            context(f"Request {asked.request_id}"),
            {
                "type": "input",
                "block_id": REASON,
                "label": {"type": "plain_text", "text": "Why not?"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": True,
                    "max_length": _REASON_AT_MOST,
                },
            },
        ],
    }


def _parts(request: ApprovalRequested) -> Iterator[Part]:
    yield header(request.title if request.severity in {"low", "normal"} else f"[{request.severity}] {request.title}")
    if request.details not in (None, ""):
        yield shown(request.details)
    if request.action not in (None, ""):
        yield Part(marked("*On approval:*"))
        yield shown(request.action)


def _facts(request: ApprovalRequested, mentions: Sequence[str] = ()) -> Block:
    asked_by = f" · asked by {request.requester}" if request.requester else ""
    ours = [f"until {_date(request.expires_at)}"] if request.expires_at else []
    ours += [_mentioned(mentions)] if mentions else []
    return context(f"{request.request_id} of {request.workflow}{asked_by}", " · ".join(ours))


def _answering(request: ApprovalRequested, parts: Sequence[Part], *, answers: bool) -> Block:
    """Offer buttons below what is shown whole: nobody shall answer by a click what they could not read."""
    if not all(part.whole for part in parts):
        read, answer = f"perdure approvals show {request.request_id}", f"perdure approve {request.request_id}"
        return context(f"Shown in part. Read all of it with: {read}\nThen answer with: {answer}")
    if answers and request.policy.proxies:
        return _buttons(request)
    return context(f"Answer with: perdure approve {request.request_id}")


def _buttons(request: ApprovalRequested) -> Block:
    asked = ButtonContext(request_id=request.request_id, digest=request.digest, first_run_id=request.first_run_id)
    value = asked.model_dump_json(exclude_none=True)
    kinds = (("Approve", APPROVE, "primary"), ("Reject", REJECT, "danger"))
    return {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": text},
                "action_id": action,
                "style": style,
                "value": value,
            }
            for text, action, style in kinds
        ],
    }


def _outcome(outcome: ApprovalDecided | ApprovalExpired) -> Iterator[Block]:
    if isinstance(outcome, ApprovalExpired):
        yield marked(f":hourglass: *Closed*: {literal(outcome.reason)}")
        return
    mark, verb = (":white_check_mark:", "Approved") if outcome.decision == "approve" else (":x:", "Rejected")
    yield marked(f"{mark} *{verb}* by {literal(outcome.approver)}")
    if outcome.comment:
        yield shown(outcome.comment).block


def _date(end: datetime) -> str:
    """In the reader's own time zone: https://docs.slack.dev/messaging/formatting-message-text#date-formatting."""
    return f"<!date^{int(end.timestamp())}^{{date_short}} {{time}}|{end:%Y-%m-%d %H:%M UTC}>"


def _mentioned(people: Sequence[str]) -> str:
    return " ".join(f"<@{person}>" for person in people)

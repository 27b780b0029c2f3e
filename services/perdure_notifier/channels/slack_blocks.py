"""What people see in Slack, in Block Kit: pure.

Source of the limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Sha256,
)
from perdure.printable import printable
from perdure_notifier.notice import Notice
from perdure_notifier.render import as_text, render

__all__ = ["APPROVE", "REASON", "REJECT", "Asked", "blocks_of", "escaped", "reason_dialog", "settled"]

APPROVE: Final = "perdure_approve"
REJECT: Final = "perdure_reject"
REASON: Final = "reason"

_TITLE: Final = 150
_SECTION: Final = 3_000
_DIALOG_TITLE: Final = 24

Block = dict[str, Any]


class Asked(BaseModel):
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
        called = _mentioned(mentions) if isinstance(message, ApprovalReminded | ApprovalEscalated) else ""
        return [_section(f"*{escaped(words.headline)}*\n{escaped(words.text)}{called}")]
    blocks = [*_question(message, mentions)]
    if answers and message.policy.proxies:
        return [*blocks, _buttons(message)]
    return [*blocks, _context(f"Answer with `perdure approve {message.request_id}`")]


def settled(request: ApprovalRequested, outcome: ApprovalDecided | ApprovalExpired) -> list[Block]:
    """Show a question in place of itself once it is settled: what was asked, and what became of it."""
    return [*_question(request, ()), _section(_outcome(outcome))]


def reason_dialog(asked: Asked) -> Block:
    """Ask why not."""
    return {
        "type": "modal",
        "callback_id": REJECT,
        "private_metadata": asked.model_dump_json(),
        "title": {"type": "plain_text", "text": "Reject"[:_DIALOG_TITLE]},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            _section(f"Request `{escaped(asked.request_id)}`"),
            {
                "type": "input",
                "block_id": REASON,
                "label": {"type": "plain_text", "text": "Why not?"},
                "element": {"type": "plain_text_input", "action_id": REASON, "multiline": True},
            },
        ],
    }


def escaped(text: str) -> str:
    """Write text so that Slack shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _question(request: ApprovalRequested, mentions: Sequence[str]) -> list[Block]:
    title = request.title if request.severity in {"low", "normal"} else f"[{request.severity}] {request.title}"
    facts = [f"`{escaped(request.request_id)}` of {escaped(request.workflow)}"]
    facts += [f"asked by {escaped(request.requester)}"] if request.requester else []
    facts += [f"until {_date(request)}"] if request.expires_at else []
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": _cut(printable(title), _TITLE)}}]
    blocks += [_section(_shown(request.details))] if request.details is not None else []
    blocks += [_section(f"*On approval:*\n{_shown(request.action)}")] if request.action is not None else []
    return [*blocks, _context(" · ".join(facts) + _mentioned(mentions))]


def _buttons(request: ApprovalRequested) -> Block:
    asked = Asked(request_id=request.request_id, digest=request.digest, first_run_id=request.first_run_id)
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


def _outcome(outcome: ApprovalDecided | ApprovalExpired) -> str:
    if isinstance(outcome, ApprovalExpired):
        return f":hourglass: *Closed*: {escaped(outcome.reason)}"
    mark, verb = (":white_check_mark:", "Approved") if outcome.decision == "approve" else (":x:", "Rejected")
    comment = f"\n{escaped(outcome.comment)}" if outcome.comment else ""
    return f"{mark} *{verb}* by {escaped(outcome.approver)}{comment}"


def _shown(value: JsonValue) -> str:
    """Show prose as it is, data and diffs as they were written."""
    text = as_text(value)
    is_code = not isinstance(value, str) or text.startswith(("--- ", "diff ", "@@ "))
    if not is_code:
        return escaped(text)
    return f"```\n{_cut(escaped(text), _SECTION - 50)}\n```"


def _date(request: ApprovalRequested) -> str:
    """In the reader's own time zone: https://docs.slack.dev/messaging/formatting-message-text#date-formatting."""
    assert request.expires_at is not None  # noqa: S101 (whoever asks has looked)
    written = f"{request.expires_at:%Y-%m-%d %H:%M UTC}"
    return f"<!date^{int(request.expires_at.timestamp())}^{{date_short}} {{time}}|{written}>"


def _mentioned(people: Sequence[str]) -> str:
    return "".join(f" <@{person}>" for person in people)


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, _SECTION)}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(text, _SECTION)}]}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2]} …"

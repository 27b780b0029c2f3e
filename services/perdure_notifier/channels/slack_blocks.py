"""Slack's Block Kit for notices: pure functions."""

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
from perdure.values.printable import one_line
from perdure.values.short_code import request_word
from perdure_notifier.channels.slack_text import (
    Block,
    SizedBlock,
    context,
    header_block,
    literal,
    mrkdwn_section,
    value_section,
)
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["APPROVE", "REASON", "REJECT", "ButtonContext", "notice_blocks", "reason_dialog", "settled_blocks"]

APPROVE: Final = "perdure_approve"
REJECT: Final = "perdure_reject"
REASON: Final = "reason"

_VALUE_LIMIT: Final = 2_000  # characters: https://docs.slack.dev/reference/block-kit/block-elements/button-element
_REASON_LIMIT: Final = 3_000  # characters: Slack's limit, which is lower than that of a comment


class ButtonContext(BaseModel):
    """The value of a button: identifies exactly what the message showed.

    Attributes:
        request_id: The request to decide.
        digest: The digest of what the message showed.
        first_run_id: The first run id of the requesting run.
        response_url: Where to post the result to the person who clicked. Known after a click only.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    digest: Sha256
    first_run_id: str | None = None
    response_url: str | None = None


def notice_blocks(notice: Notice, mentions: Sequence[str], *, buttons: bool) -> list[Block]:
    """Return the blocks of a notice.

    Args:
        notice: The notice.
        mentions: Slack's ids of the approvers.
        buttons: Whether the channel accepts decisions by button.
    """
    message = notice.message
    if not isinstance(message, ApprovalRequested):
        text = render(notice)
        headline = header_block(text.headline)
        mentioned = mentions if isinstance(message, ApprovalReminded | ApprovalEscalated) else ()
        blocks = [headline.block if headline.complete else value_section(text.headline).block]
        blocks += [value_section(text.body).block] if text.body else []
        return [*blocks, *([mrkdwn_section(_mention_text(mentioned))] if mentioned else [])]
    shown = [*_request_blocks(message)]
    complete = all(it.complete for it in shown)
    decide = _decide_block(message, complete=complete, buttons=buttons)
    return [*(it.block for it in shown), _request_context(message, mentions), decide]


def settled_blocks(request: ApprovalRequested, outcome: ApprovalDecided | ApprovalExpired) -> list[Block]:
    """Return the blocks of a settled request: the request, and its outcome in place of the buttons."""
    return [*(it.block for it in _request_blocks(request)), _request_context(request), *_outcome_blocks(outcome)]


def reason_dialog(button: ButtonContext) -> Block:
    """Return the dialog that requires a reason for a rejection."""
    return {
        "type": "modal",
        "callback_id": REJECT,
        "private_metadata": button.model_dump_json(),
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            context(one_line(f"Request {button.request_id}")),
            {
                "type": "input",
                "block_id": REASON,
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": True,
                    "max_length": _REASON_LIMIT,
                },
            },
        ],
    }


def _request_blocks(request: ApprovalRequested) -> Iterator[SizedBlock]:
    yield header_block(
        request.title if request.severity in {"low", "normal"} else f"[{request.severity}] {request.title}"
    )
    if request.details not in (None, ""):
        yield value_section(request.details)
    if request.action not in (None, ""):
        yield SizedBlock(mrkdwn_section("*On approval:*"))
        yield value_section(request.action)


def _request_context(request: ApprovalRequested, mentions: Sequence[str] = ()) -> Block:
    requester = f" · requested by {request.requester}" if request.requester else ""
    requester += f" · on behalf of {request.on_behalf_of}, as the run says" if request.on_behalf_of else ""
    about = one_line(f"Request {request.request_id} of {request.workflow}{requester}")
    mrkdwn = [f"decide before {_local_date(request.expires_at)}"] if request.expires_at else []
    mrkdwn += [_mention_text(mentions)] if mentions else []
    return context(about, " · ".join(mrkdwn))


def _decide_block(request: ApprovalRequested, *, complete: bool, buttons: bool) -> Block:
    """Return the buttons, or a command if a button would not count or the message shows only a part."""
    name = request_word(request.request_id)
    decide = f"perdure approve {name}"
    if not complete:
        show = f"perdure approvals show {name}"
        return context(f"This message shows only a part. Read the whole request: {show}\nThen decide: {decide}")
    button = ButtonContext(request_id=request.request_id, digest=request.digest, first_run_id=request.first_run_id)
    value = button.model_dump_json(exclude_none=True)
    if buttons and request.policy.proxies and len(value) <= _VALUE_LIMIT:
        return _buttons(value)
    return context(f"Decide with: {decide}")


def _buttons(value: str) -> Block:
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


def _outcome_blocks(outcome: ApprovalDecided | ApprovalExpired) -> Iterator[Block]:
    if isinstance(outcome, ApprovalExpired):
        yield mrkdwn_section(f":hourglass: *Closed*: {literal(outcome.reason)}")
        return
    mark, verb = (":white_check_mark:", "Approved") if outcome.decision == "approve" else (":x:", "Rejected")
    yield mrkdwn_section(f"{mark} *{verb}* by {literal(outcome.approver)}")
    if outcome.comment:
        yield value_section(outcome.comment).block


def _local_date(end: datetime) -> str:
    """Format for the reader's time zone: https://docs.slack.dev/messaging/formatting-message-text#date-formatting."""
    return f"<!date^{int(end.timestamp())}^{{date_short}} {{time}}|{end:%Y-%m-%d %H:%M UTC}>"


def _mention_text(people: Sequence[str]) -> str:
    return " ".join(f"<@{person}>" for person in people)

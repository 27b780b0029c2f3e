"""Turns clicks in Slack into decisions.

Slack requires a response within three seconds, so the receipt is sent to the person afterwards.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import parse_qs

from pydantic import ValidationError
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from perdure.approvers import ApproversFile
from perdure.bus import KeyValue
from perdure.bus.decision_client import DecisionClient, DecisionDraft, PublishedDecision
from perdure.contracts import Receipt
from perdure.errors import PerdureError
from perdure.runtime.background import BackgroundTasks
from perdure_notifier.channels.slack_blocks import APPROVE, REASON, REJECT, ButtonContext, reason_dialog
from perdure_notifier.channels.slack_text import literal
from perdure_notifier.replies.body import read_body
from perdure_notifier.replies.slack_origin import SlackOrigin

__all__ = ["SlackReplies"]

_RECEIPT_WITHIN: Final = 30.0  # seconds
_TIMEOUT: Final = 10  # seconds

_UNKNOWN_USER: Final = (
    ":no_entry: You are not in Perdure's approvers file. Ask its administrator to add `slack: {}` to your entry."
)

_log = logging.getLogger(__name__)


class SlackReplies:
    """Handles the interactions of one Slack app: https://docs.slack.dev/interactivity/handling-user-interaction."""

    def __init__(  # noqa: PLR0913 (Slack's client, secret and workspace, and its ports)
        self,
        client: WebClient,
        signing_secret: str,
        origin: SlackOrigin,
        *,
        decisions: DecisionClient,
        approvers: ApproversFile,
        entries: KeyValue,
        follow_ups: BackgroundTasks,
    ) -> None:
        self._client = client
        self._verifier = SignatureVerifier(signing_secret)
        self._origin = origin
        self._decisions = decisions
        self._approvers = approvers
        self._entries = entries
        self._follow_ups = follow_ups

    async def handle(self, request: Request) -> Response:
        """Handle one interaction; a decision is stored before the response.

        Raises:
            HTTPException: The request is not from Slack or was handled before (401), is of another workspace (403), or
                is malformed (400).
        """
        body = await read_body(request)
        await self._verify(body, request.headers)
        try:
            payload = json.loads(parse_qs(body.decode())["payload"][0])
            self._origin.check_team(payload)
            match payload["type"]:
                case "block_actions":
                    return await self._handle_click(payload)
                case "view_submission":
                    return await self._handle_reason(payload)
        except (KeyError, IndexError, TypeError, ValueError, ValidationError) as error:
            raise HTTPException(400, f"The interaction is malformed: {error!r}") from error
        return Response()

    async def _verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            valid = self._verifier.is_valid_request(body, dict(headers))
        except ValueError:  # the timestamp is not a number
            valid = False
        if not valid:
            raise HTTPException(401, "The request is not signed by Slack, or is older than five minutes.")
        signature = sha256(headers["x-slack-signature"].encode()).hexdigest()
        if not await self._entries.create(f"slack.heard.{signature}", b""):  # the key as stored by 0.1
            raise HTTPException(401, "The request was already handled.")

    async def _handle_click(self, payload: Mapping[str, Any]) -> Response:
        action, user = payload["actions"][0], payload["user"]["id"]
        button = ButtonContext.model_validate_json(action["value"]).model_copy(
            update={"response_url": self._origin.checked_url(payload["response_url"])}
        )
        approver = self._approver(user)
        if approver is None:
            self._follow_ups.start(_respond(button, _UNKNOWN_USER.format(user)))
        elif action["action_id"] == REJECT:
            await self._open_reason_dialog(button, payload["trigger_id"])
        elif action["action_id"] == APPROVE:
            await self._decide(button, "approve", approver, "", nonce=f"slack.{user}.{action['action_ts']}")
        return Response()

    async def _open_reason_dialog(self, button: ButtonContext, trigger_id: str) -> None:
        try:
            await asyncio.to_thread(self._client.views_open, trigger_id=trigger_id, view=reason_dialog(button))
        except (SlackClientError, OSError) as error:
            raise HTTPException(502, f"Slack did not open the dialog: {error}") from error

    async def _handle_reason(self, payload: Mapping[str, Any]) -> Response:
        view, user = payload["view"], payload["user"]["id"]
        button = ButtonContext.model_validate_json(view["private_metadata"])
        self._origin.checked_url(button.response_url)
        reason = (view["state"]["values"][REASON][REASON]["value"] or "").strip()
        if not reason:
            return JSONResponse({"response_action": "errors", "errors": {REASON: "Enter a reason."}})
        approver = self._approver(user)
        if approver is None:
            self._follow_ups.start(_respond(button, _UNKNOWN_USER.format(user)))
        else:
            await self._decide(button, "reject", approver, reason, nonce=f"slack.{user}.{view['id']}")
        return Response()

    async def _decide(
        self, button: ButtonContext, choice: Literal["approve", "reject"], approver: str, comment: str, *, nonce: str
    ) -> None:
        draft = DecisionDraft(
            button.request_id,
            button.digest,
            choice,
            approver,
            comment=comment,
            nonce=nonce,
            first_run_id=button.first_run_id,
        )
        published = await self._decisions.publish(draft)
        self._follow_ups.start(self._send_receipt(button, published))

    async def _send_receipt(self, button: ButtonContext, published: PublishedDecision) -> None:
        try:
            receipt = await self._decisions.receipt(published, within=_RECEIPT_WITHIN)
        except PerdureError as error:
            _log.warning("cannot read the receipt of a decision made in Slack: %s", error)
        else:
            await _respond(button, _receipt_text(receipt))

    def _approver(self, slack_id: str) -> str | None:
        people = self._approvers.current().approvers.items()
        return next((name for name, person in people if person.slack == slack_id), None)


def _receipt_text(receipt: Receipt | None) -> str:
    if receipt is None:
        return ":hourglass: Your decision is stored. It will be verified when the orchestrator is running again."
    mark = ":white_check_mark:" if receipt.accepted else ":no_entry:"
    return f"{mark} {literal(receipt.reason)}"


async def _respond(button: ButtonContext, text: str) -> None:
    """Send a message that only the person who clicked can see."""
    if button.response_url is None:
        return
    client = WebhookClient(button.response_url, timeout=_TIMEOUT, retry_handlers=[])
    try:
        response = await asyncio.to_thread(
            client.send_dict, {"text": text, "response_type": "ephemeral", "replace_original": False}
        )
    except (SlackClientError, OSError) as error:
        _log.warning("cannot send the result of a decision to Slack: %r", error)
    else:
        if response.status_code != HTTPStatus.OK:
            _log.warning("cannot send the result of a decision to Slack: HTTP %s", response.status_code)

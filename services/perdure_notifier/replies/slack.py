"""What people click in Slack becomes a decision; Slack gives three seconds, so the receipt is told afterwards."""

import asyncio
import json
import logging
from collections.abc import Mapping
from hashlib import sha256
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
from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.contracts import Receipt
from perdure.errors import PerdureError
from perdure.runtime.background import BackgroundTasks
from perdure_notifier.channels.slack_blocks import APPROVE, REASON, REJECT, ButtonContext, reason_dialog
from perdure_notifier.channels.slack_text import literal
from perdure_notifier.replies.body import read_body

__all__ = ["SlackReplies"]

_RECEIPT_WITHIN: Final = 30.0  # seconds
_ANSWERED_WITHIN: Final = 10  # seconds

_log = logging.getLogger(__name__)


class SlackReplies:
    """The interactions of one Slack app: https://docs.slack.dev/interactivity/handling-user-interaction."""

    def __init__(  # noqa: PLR0913 (what it stands between)
        self,
        client: WebClient,
        signing_secret: str,
        *,
        speaker: DecisionClient,
        approvers: ApproversFile,
        entries: KeyValue,
        follow_ups: BackgroundTasks,
    ) -> None:
        self._client = client
        self._verifier = SignatureVerifier(signing_secret)
        self._speaker = speaker
        self._approvers = approvers
        self._entries = entries
        self._follow_ups = follow_ups

    async def hear(self, request: Request) -> Response:
        """Take what Slack posts; it is answered once it is stored.

        Raises:
            HTTPException: It is not from Slack, came before, or cannot be understood.
        """
        body = await read_body(request)
        await self._expect_slack(body, request.headers)
        try:
            payload = json.loads(parse_qs(body.decode())["payload"][0])
            match payload["type"]:
                case "block_actions":
                    return await self._clicked(payload)
                case "view_submission":
                    return await self._explained(payload)
        except (KeyError, IndexError, TypeError, ValueError, ValidationError) as error:
            raise HTTPException(400, f"This is no interaction that Perdure knows: {error!r}") from error
        return Response()

    async def _expect_slack(self, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            valid = self._verifier.is_valid_request(body, dict(headers))
        except ValueError:  # a timestamp that is no number
            valid = False
        if not valid:
            raise HTTPException(401, "The signature is not Slack's, or is older than five minutes.")
        seen = sha256(headers["x-slack-signature"].encode()).hexdigest()
        if not await self._entries.create(f"slack.heard.{seen}", b""):
            raise HTTPException(401, "This very request came before.")

    async def _clicked(self, payload: Mapping[str, Any]) -> Response:
        action, who = payload["actions"][0], payload["user"]["id"]
        asked = ButtonContext.model_validate_json(action["value"]).model_copy(
            update={"response_url": payload["response_url"]}
        )
        approver = self._approver(who)
        if approver is None:
            self._follow_ups.start(_tell(asked, _STRANGER.format(who)))
        elif action["action_id"] == REJECT:
            await self._ask_why(asked, payload["trigger_id"])
        elif action["action_id"] == APPROVE:
            await self._answer(asked, "approve", approver, "", nonce=f"slack.{who}.{action['action_ts']}")
        return Response()

    async def _ask_why(self, asked: ButtonContext, trigger: str) -> None:
        try:
            await asyncio.to_thread(self._client.views_open, trigger_id=trigger, view=reason_dialog(asked))
        except (SlackClientError, OSError) as error:
            raise HTTPException(502, f"Slack did not open the dialog: {error}") from error

    async def _explained(self, payload: Mapping[str, Any]) -> Response:
        view, who = payload["view"], payload["user"]["id"]
        asked = ButtonContext.model_validate_json(view["private_metadata"])
        reason = (view["state"]["values"][REASON][REASON]["value"] or "").strip()
        if not reason:
            return JSONResponse({"response_action": "errors", "errors": {REASON: "Say why, in a few words."}})
        approver = self._approver(who)
        if approver is None:
            self._follow_ups.start(_tell(asked, _STRANGER.format(who)))
        else:
            await self._answer(asked, "reject", approver, reason, nonce=f"slack.{who}.{view['id']}")
        return Response()

    async def _answer(
        self, asked: ButtonContext, said: Literal["approve", "reject"], approver: str, comment: str, *, nonce: str
    ) -> None:
        spoken = await self._speaker.publish(
            DecisionDraft(
                asked.request_id,
                asked.digest,
                said,
                approver,
                comment=comment,
                nonce=nonce,
                first_run_id=asked.first_run_id,
            )
        )

        async def follow() -> None:
            try:
                receipt = await self._speaker.receipt(spoken, within=_RECEIPT_WITHIN)
            except PerdureError as error:
                _log.warning("cannot read the receipt of a decision made in Slack: %s", error)
            else:
                await _tell(asked, _words(receipt))

        self._follow_ups.start(follow())

    def _approver(self, slack_id: str) -> str | None:
        people = self._approvers.current().approvers.items()
        return next((name for name, person in people if person.slack == slack_id), None)


_STRANGER: Final = (
    ":no_entry: Perdure does not know you. Whoever looks after its approvers file can change that: it must say"
    " `slack: {}` of you."
)


def _words(receipt: Receipt | None) -> str:
    if receipt is None:
        return ":hourglass: Your answer is stored, and will be judged as soon as the orchestrator is back."
    mark = ":white_check_mark:" if receipt.accepted else ":no_entry:"
    return f"{mark} {literal(receipt.reason)}"


async def _tell(asked: ButtonContext, text: str) -> None:
    """Tell the one who clicked, and nobody else."""
    if asked.response_url is None:
        return
    client = WebhookClient(asked.response_url, timeout=_ANSWERED_WITHIN, retry_handlers=[])
    try:
        answer = await asyncio.to_thread(
            client.send_dict, {"text": text, "response_type": "ephemeral", "replace_original": False}
        )
    except (SlackClientError, OSError) as error:
        _log.warning("Slack does not take what became of an answer: %r", error)
    else:
        if answer.status_code != 200:  # noqa: PLR2004 (HTTP's OK)
            _log.warning("Slack does not take what became of an answer: HTTP %s", answer.status_code)

"""Decisions posted by programs that share a secret with the notifier: signed as Standard Webhooks says."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.bus.envelope import describe_errors
from perdure.contracts import Comment, Sha256
from perdure_notifier.replies.body import read_body

__all__ = ["WebhookReplies"]

_RECEIPT_WITHIN: Final = 5.0  # seconds


class _Posted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    request_id: str
    digest: Sha256
    decision: Literal["approve", "reject", "withdraw"]
    approver: str
    comment: Comment = ""
    first_run_id: str | None = None


class WebhookReplies:
    """What one secret may say; ``webhook-id`` makes it one decision, however often it is posted."""

    def __init__(self, secret: str, speaker: DecisionClient) -> None:
        self._verifying = Webhook(secret)
        self._speaker = speaker

    async def hear(self, request: Request) -> Response:
        """Take a decision: answered with its receipt, or 202 where that takes longer.

        Raises:
            HTTPException: It is not signed with the secret, is too old, or is no decision.
        """
        body = await read_body(request)
        self._expect_signed(body, dict(request.headers))
        try:
            posted = _Posted.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400, f"This is no decision: {describe_errors(error)}") from error
        nonce = f"webhook.{request.headers['webhook-id']}"
        spoken = await self._speaker.publish(DecisionDraft(**posted.model_dump(), nonce=nonce))
        receipt = await self._speaker.receipt(spoken, within=_RECEIPT_WITHIN)
        if receipt is None:
            return JSONResponse({"decision_id": spoken.decision.message_id}, status_code=202)
        return JSONResponse(receipt.model_dump(mode="json"))

    def _expect_signed(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._verifying.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: a signature that is none at all
            raise HTTPException(401, f"Not signed as Standard Webhooks says: {error}") from error

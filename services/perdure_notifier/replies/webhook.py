"""Accepts decisions that programs post, signed with a shared secret by the Standard Webhooks specification."""

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


class _PostedDecision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    request_id: str
    digest: Sha256
    decision: Literal["approve", "reject", "withdraw"]
    approver: str
    comment: Comment = ""
    first_run_id: str | None = None


class WebhookReplies:
    """Publishes decisions posted with one secret; posts with the same ``webhook-id`` are one decision."""

    def __init__(self, secret: str, decisions: DecisionClient) -> None:
        self._verifier = Webhook(secret)
        self._decisions = decisions

    async def handle(self, request: Request) -> Response:
        """Publish a decision and return its receipt, or 202 if the receipt takes longer than five seconds.

        Raises:
            HTTPException: The post is too old or not signed with the secret (401), or is not a decision (400).
        """
        body = await read_body(request)
        self._verify(body, dict(request.headers))
        try:
            posted = _PostedDecision.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400, f"The body is not a valid decision: {describe_errors(error)}") from error
        nonce = f"webhook.{request.headers['webhook-id']}"
        published = await self._decisions.publish(DecisionDraft(**posted.model_dump(), nonce=nonce))
        receipt = await self._decisions.receipt(published, within=_RECEIPT_WITHIN)
        if receipt is None:
            return JSONResponse({"decision_id": published.decision.message_id}, status_code=202)
        return JSONResponse(receipt.model_dump(mode="json"))

    def _verify(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._verifier.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: a malformed signature
            raise HTTPException(401, f"The Standard Webhooks signature is not valid: {error}") from error

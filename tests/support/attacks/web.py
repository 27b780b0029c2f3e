"""Requests to the notifier's HTTP doors: posts signed by a webhook's secret, Slack's calls, and links in mails."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from standardwebhooks import Webhook

from perdure.contracts import ApprovalRequested
from perdure.local.loopback import loopback_client
from perdure_notifier.replies.links import Links
from tests.support.attacks.channels import HOOK, URL
from tests.support.attacks.suite import WITHIN, AttackedSuite

__all__ = ["asked", "button", "link", "posted", "slack_call", "slack_payload"]


async def asked(
    suite: AttackedSuite, path: str, body: bytes | None = None, *, method: str = "", **headers: str
) -> httpx2.Response:
    """Send a request to the notifier; header names have ``_`` for ``-``."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with loopback_client(within=WITHIN) as client:
        return await client.request(
            method or ("GET" if body is None else "POST"), f"{suite.notifier_url}{path}", content=body, headers=sent
        )


def posted(
    suite: AttackedSuite, about: ApprovalRequested, *, secret: str = HOOK, age: float = 0, **changes: Any
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the signed headers of a webhook post that approves as ada."""
    decision = {"request_id": about.request_id, "digest": about.digest, "decision": "approve", "approver": "ada"}
    body = json.dumps({**decision, **changes}).encode()
    sent, message = datetime.now(UTC) - timedelta(seconds=age), suite.new_id("msg")
    signature = Webhook(secret).sign(message, sent, body.decode())
    stamp = str(int(sent.timestamp()))
    return body, {"webhook_id": message, "webhook_timestamp": stamp, "webhook_signature": signature}


def button(about: ApprovalRequested, choice: str = "approve", **changes: Any) -> dict[str, Any]:
    """Return a button as the Slack message of a request has it."""
    value = {"request_id": about.request_id, "digest": about.digest, "first_run_id": about.first_run_id, **changes}
    return {"action_id": f"perdure_{choice}", "value": json.dumps(value)}


def slack_payload(suite: AttackedSuite, about: ApprovalRequested, user: str = "UADA", **changes: Any) -> dict[str, Any]:
    """Return Slack's payload for a click that approves."""
    return {**suite.channels.slack.click_payload(button(about), user), **changes}


def slack_call(suite: AttackedSuite, payload: Mapping[str, Any], *, age: float = 0) -> tuple[bytes, dict[str, str]]:
    """Return the body and the signed headers of a call, ready to be tampered with."""
    body = f"payload={json.dumps(payload)}".encode()
    signed = suite.channels.slack.signed(body, str(int(time.time() - age)))
    return body, {name.replace("-", "_"): value for name, value in signed.items()}


def link(suite: AttackedSuite, about: ApprovalRequested, approver: str = "ada", *, key: str = "notifier") -> str:
    """Return the path of a link as the notifier would mail it, signed with one of the keys."""
    return Links(suite.keys[key], URL).make(about, approver).removeprefix(URL)

"""A local Slack: it verifies what Slack verifies, and posts what Slack posts when people click."""

import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx2

from tests.support.http_peer import Answer, Post, http_peer
from tests.support.slack_limits import limit_error

__all__ = ["SlackPeer", "buttons", "buttons_of", "message_text", "slack_peer"]

TEAM = "T012AB3CD"
TOKEN = "xoxb-of-the-peer"  # noqa: S105 (valid for this peer only)
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 (the example of Slack's documentation)
RESPONSE_WITHIN = 3.0  # seconds; Slack reports a failure to the person who clicked if the response takes longer


@dataclass
class SlackPeer:
    """A workspace with one channel.

    Attributes:
        url: The base URL of the server.
        calls: Each call of the Web API: the method and its arguments.
        ephemeral: What was posted to a response_url, for the person who clicked.
        plan: Failures of the next calls: an HTTP status, or the ``error`` of a response that is not ``ok``.
        deleted: The messages that somebody has deleted, by ``ts``.
    """

    url: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ephemeral: list[dict[str, Any]] = field(default_factory=list)
    plan: list[int | str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    @property
    def addresses(self) -> dict[str, str]:
        """What a Slack channel of the configuration says about this workspace."""
        return {"team_id": TEAM, "base_url": f"{self.url}/api/", "hooks_url": f"{self.url}/response"}

    def answer(self, post: Post) -> Answer:
        """Handle a call as Slack does."""
        arguments = json.loads(post.body)
        if post.path == "/response":
            self.ephemeral.append(arguments)
            return Answer()
        if post.headers["authorization"] != f"Bearer {TOKEN}":
            return _json_answer(ok=False, error="invalid_auth")
        planned = self.plan.pop(0) if self.plan else None
        if isinstance(planned, int):
            return replace(_json_answer(ok=False), status=planned)
        method = post.path.removeprefix("/api/")
        is_gone = method == "chat.update" and arguments["ts"] in self.deleted
        error = planned or limit_error(method, arguments) or ("message_not_found" if is_gone else None)
        if error is not None:
            return _json_answer(ok=False, error=error)
        self.calls.append((method, arguments))
        return _json_answer(ok=True, channel="C1", ts=f"{len(self.calls)}.0")

    def messages(self) -> dict[str, dict[str, Any]]:
        """Return the channel's messages as they are now, by ``ts``."""
        shown: dict[str, dict[str, Any]] = {}
        for number, (method, arguments) in enumerate(self.calls, start=1):
            if method == "chat.postMessage":
                shown[f"{number}.0"] = arguments
            elif method == "chat.update":
                shown[arguments["ts"]] = arguments
        return {ts: message for ts, message in shown.items() if ts not in self.deleted}

    def calls_of(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of each call of a method."""
        return [arguments for called, arguments in self.calls if called == method]

    async def click(self, notifier: str, button: dict[str, Any], user: str) -> httpx2.Response:
        """Post a click as Slack does, and fail if the response takes too long."""
        return await self.post(notifier, self.click_payload(button, user))

    def click_payload(self, button: dict[str, Any], user: str) -> dict[str, Any]:
        """Return Slack's payload for a click."""
        return {
            "type": "block_actions",
            "team": {"id": TEAM, "domain": "peer"},
            "user": {"id": user, "team_id": TEAM},
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            "response_url": f"{self.url}/response",
            "actions": [{**button, "action_ts": f"{time.time():.6f}"}],
        }

    async def submit(self, notifier: str, reason: str, user: str) -> httpx2.Response:
        """Submit the dialog that was opened last."""
        view = self.calls_of("views.open")[-1]["view"]
        state = {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}}
        view = {"id": "V0PKB1ZFV", **view, "state": state}
        who = {"team": {"id": TEAM}, "user": {"id": user, "team_id": TEAM}}
        return await self.post(notifier, {"type": "view_submission", **who, "view": view})

    async def post(
        self, notifier: str, payload: dict[str, Any], *, age: float = 0, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Post a payload as Slack does, signed ``age`` seconds ago."""
        body = f"payload={quote(json.dumps(payload))}".encode()
        stamp = str(int(time.time() - age))
        async with httpx2.AsyncClient(timeout=RESPONSE_WITHIN) as client:
            return await client.post(
                f"{notifier}/slack/desk", content=body, headers={**self.signed(body, stamp), **(headers or {})}
            )

    @staticmethod
    def signed(body: bytes, stamp: str) -> dict[str, str]:
        """Return signed headers, computed without Slack's SDK.

        Source: https://docs.slack.dev/authentication/verifying-requests-from-slack.
        """
        signature = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, sha256).hexdigest()
        return {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={signature}",
        }


def _json_answer(**fields: Any) -> Answer:
    return Answer(headers={"content-type": "application/json", "retry-after": "7"}, body=json.dumps(fields).encode())


def buttons_of(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the buttons of a message by their labels."""
    return {button["text"]["text"]: button for button in buttons(message)}


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all buttons of a message."""
    return [button for block in message["blocks"] if block["type"] == "actions" for button in block["elements"]]


def message_text(message: dict[str, Any], *kinds: str) -> str:
    """Return the text of a message, or only that of some kinds: ``plain_text`` or ``mrkdwn``."""
    texts: list[dict[str, Any]] = []
    for block in message["blocks"]:
        inner = block.get("elements", []) if "text" not in block else [block]
        texts += [it if isinstance(it["text"], str) else it["text"] for it in inner]
    return "\n".join(it["text"] for it in texts if it["type"] in (kinds or ("plain_text", "mrkdwn")))


@contextmanager
def slack_peer() -> Iterator[SlackPeer]:
    """Serve for as long as the block lasts."""
    peer = SlackPeer()
    with http_peer(peer.answer) as peer.url:
        yield peer

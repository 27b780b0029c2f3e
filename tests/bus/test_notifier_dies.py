"""A notifier that is killed at any await loses no notice and no decision; repeated messages keep their ids."""

import itertools
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from perdure.approvers import Approver, Directory, SigningKey
from perdure.bus import MemoryBus, MemoryKeyValue, StoredMessage, encode
from perdure.bus.decision_client import DecisionClient
from perdure.config.notifier import NotificationSettings
from perdure.config.settings import Settings
from perdure.contracts import Decision, Notification
from perdure_notifier.app import Notifier
from perdure_notifier.replies.http import reply_app
from perdure_notifier.replies.links import Links
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.notifier import NOON, ScriptedChannel, request, sender
from tests.support.people import approvers_file
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer

STORED = StoredMessage(encode(request(), source="test"), "APPROVALS", 1, NOON, 0)
KEY = SigningKey.new()
URL = "https://approve.example.com"
HOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REQUEST = request(opened_at=datetime.now(UTC))
PEER = SlackPeer(url="http://127.0.0.1:9")
BUTTON = {"action_id": "perdure_approve", "value": json.dumps({"request_id": "w.1", "digest": REQUEST.digest})}
WITH_REPLIES = Settings.model_validate(
    {
        "notifier": {
            "url": URL,
            "channels": {
                "desk": {"slack": {"channel": "C1", "signing_secret_variable": "SLACK_SIGNING", **PEER.addresses}},
                "hook": {"webhook": {"url": URL, "secret_variable": "HOOK", "answers": True}},
            },
        }
    }
)
SETTINGS = NotificationSettings.model_validate({"channels": {"desk": {"terminal": {}}}})


async def run_once(bus: Any, desk: Any, entries: Any) -> None:
    """Receive one request, which is redelivered if the process dies, and send its notice."""
    await Notifier(bus, entries, [desk], SETTINGS, holder="here").handle(STORED)
    await sender(bus, desk, entries=entries).send_due()


async def test_a_notice_is_sent_wherever_the_notifier_is_killed() -> None:
    for number in itertools.count(1):
        bus, desk, entries, fuse = MemoryBus(), ScriptedChannel(), MemoryKeyValue(), Fuse(number)
        try:
            await run_once(Fused(bus, fuse), Fused(desk, fuse), Fused(entries, fuse))
        except Killed:
            await run_once(bus, desk, entries)

        assert {key for keys in desk.sent for key in keys} == {request().message_id}, (
            "a repeated notice has the same key"
        )
        assert {it.message_id for it in bus.published if isinstance(it, Notification)} == {
            f"desk.sent.{request().message_id}"
        }
        if fuse.left > 0:
            break
    assert number == 2 * 22 + 1, "twenty-two awaits, each sparks before and after"


class Click:
    """Ways to decide over HTTP; each click is a new request, as browsers and Slack make them."""

    def __init__(self, app: Any) -> None:
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL)

    async def on_the_link(self) -> None:
        await self._client.post(Links(KEY, URL).make(REQUEST, "ada"), data={"decision": "approve"})

    async def in_slack(self) -> None:
        body = f"payload={json.dumps(PEER.click_payload(BUTTON, 'UADA'))}".encode()
        headers = PEER.signed(body, str(int(time.time())))
        await self._client.post("/slack/desk", content=body, headers=headers)

    async def by_post(self) -> None:
        decision = {"request_id": "w.1", "digest": REQUEST.digest, "decision": "approve", "approver": "ada"}
        body, now = json.dumps(decision), datetime.now(UTC)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
        headers["webhook-signature"] = Webhook(HOOK).sign("msg_1", now, body)
        await self._client.post("/decisions/hook", content=body, headers=headers)


@pytest.mark.parametrize(("way", "awaits"), [("on_the_link", 3), ("in_slack", 2), ("by_post", 1)])
async def test_a_click_after_a_kill_publishes_the_decision_that_the_first_click_did_not(
    way: str, awaits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING": SECRET, "HOOK": HOOK}.items():
        monkeypatch.setenv(name, value)
    people = approvers_file(tmp_path / "approvers.yaml", Directory(approvers={"ada": Approver(slack="UADA")}))
    monkeypatch.setattr(DecisionClient, "receipt", no_receipt)

    for number in itertools.count(1):
        bus, entries, fuse = MemoryBus(), MemoryKeyValue(), Fuse(number)
        await bus.publish(REQUEST)
        parts: dict[str, Any] = {"approvers": people, "key": KEY}
        async with reply_app(WITH_REPLIES, bus=Fused(bus, fuse), entries=Fused(entries, fuse), **parts) as dying:
            with suppress(Killed):
                await getattr(Click(dying), way)()
        async with reply_app(WITH_REPLIES, bus=bus, entries=entries, **parts) as living:
            await getattr(Click(living), way)()

        decisions = [message for message in bus.published if isinstance(message, Decision)]
        assert {(it.approver, it.decision, it.digest) for it in decisions} == {("ada", "approve", REQUEST.digest)}
        assert way == "in_slack" or len(decisions) == 1, "each click in Slack has an id of its own"
        if fuse.left > 0:
            break
    assert number == 2 * awaits + 1, "each await sparks before and after"


async def no_receipt(*_: object, **__: object) -> None:
    """Stand in for an orchestrator that is not running."""

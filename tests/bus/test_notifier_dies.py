"""Wherever the notifier dies, people are told, and what it says of that has one id."""

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
from tests.support.notifier import NOON, Wall, lane, request
from tests.support.people import approvers_file
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer

HEARD = StoredMessage(encode(request(), source="test"), "APPROVALS", 1, NOON, 0)
KEY = SigningKey.new()
URL = "https://approve.example.com"
HOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ASKED = request(opened_at=datetime.now(UTC))
BUTTON = {"action_id": "perdure_approve", "value": json.dumps({"request_id": "w.1", "digest": "a" * 64})}
TAKES = Settings.model_validate(
    {
        "notifier": {
            "url": URL,
            "channels": {
                "desk": {"slack": {"channel": "C1", "signing_secret_variable": "SLACK_SIGNING"}},
                "hook": {"webhook": {"url": URL, "secret_variable": "HOOK", "answers": True}},
            },
        }
    }
)
SETTINGS = NotificationSettings.model_validate({"channels": {"wall": {"terminal": {}}}})


async def lives(bus: Any, wall: Any, entries: Any) -> None:
    """One process: it hears of a request, which is not acknowledged if it dies, and tells of it."""
    await Notifier(bus, entries, [wall], SETTINGS, holder="here").handle(HEARD)
    await lane(bus, wall, entries=entries).look()


async def test_wherever_the_notifier_dies_the_next_one_tells_what_it_did_not() -> None:
    for number in itertools.count(1):
        bus, wall, entries, fuse = MemoryBus(), Wall(), MemoryKeyValue(), Fuse(number)
        try:
            await lives(Fused(bus, fuse), Fused(wall, fuse), Fused(entries, fuse))
        except Killed:
            await lives(bus, wall, entries)

        assert {key for told in wall.told for key in told} == {request().message_id}, "told, by the same key if twice"
        assert {it.message_id for it in bus.published if isinstance(it, Notification)} == {
            f"wall.sent.{request().message_id}"
        }
        if fuse.left > 0:
            break
    assert number == 2 * 19 + 1, "nineteen awaits, each with a spark before and after"


class Click:
    """How people answer over HTTP; each click is a request of its own, as browsers and Slack make them."""

    def __init__(self, front: Any) -> None:
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=front), base_url=URL)

    async def on_the_link(self) -> None:
        await self._client.post(Links(KEY, URL).make(ASKED, "ada"), data={"decision": "approve"})

    async def in_slack(self) -> None:
        peer = SlackPeer(url="http://127.0.0.1:9")
        body = f"payload={json.dumps(peer.clicked(BUTTON, 'UADA'))}".encode()
        headers = peer.signed(body, str(int(time.time())))
        await self._client.post("/slack/desk", content=body, headers=headers)

    async def by_post(self) -> None:
        said = {"request_id": "w.1", "digest": "a" * 64, "decision": "approve", "approver": "ada"}
        body, now = json.dumps(said), datetime.now(UTC)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
        headers["webhook-signature"] = Webhook(HOOK).sign("msg_1", now, body)
        await self._client.post("/decisions/hook", content=body, headers=headers)


@pytest.mark.parametrize(("way", "awaits"), [("on_the_link", 3), ("in_slack", 2), ("by_post", 1)])
async def test_wherever_the_notifier_dies_under_a_click_the_next_click_says_what_it_did_not(
    way: str, awaits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING": SECRET, "HOOK": HOOK}.items():
        monkeypatch.setenv(name, value)
    people = approvers_file(tmp_path / "approvers.yaml", Directory(approvers={"ada": Approver(slack="UADA")}))
    monkeypatch.setattr(DecisionClient, "receipt", no_receipt)

    for number in itertools.count(1):
        bus, entries, fuse = MemoryBus(), MemoryKeyValue(), Fuse(number)
        parts: dict[str, Any] = {"approvers": people, "key": KEY}
        async with reply_app(TAKES, bus=Fused(bus, fuse), entries=Fused(entries, fuse), **parts) as dying:
            with suppress(Killed):
                await getattr(Click(dying), way)()
        async with reply_app(TAKES, bus=bus, entries=entries, **parts) as living:
            await getattr(Click(living), way)()

        said = [message for message in bus.published if isinstance(message, Decision)]
        assert {(it.approver, it.decision, it.digest) for it in said} == {("ada", "approve", "a" * 64)}
        assert way == "in_slack" or len(said) == 1, "a click in Slack has no id of its own before it is made"
        if fuse.left > 0:
            break
    assert number == 2 * awaits + 1, "each with a spark before and after"


async def no_receipt(*_: object, **__: object) -> None:
    """Nobody judges here."""

"""People are told, and answer, where they are: Slack, mail and webhooks, end to end on real servers."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from perdure.approvers import Approver, Directory
from perdure.bus import decode
from perdure.contracts import ApprovalDecided, ApprovalRequested, Notification, Receipt
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.mail_server import Postbox, postbox, text_of
from tests.support.people import approvers_file
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer, buttons_of, slack_peer, words_of
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

HOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BY_ADA = {"people": ["ada"]}


@dataclass
class Places:
    """Where people are, and the suite that reaches them there."""

    here: World
    slack: SlackPeer
    mail: Postbox
    posts: list[Post]

    @property
    def notifier(self) -> str:
        return self.here.suite.endpoints.services["notifier"]

    async def ask(self, run: str, **policy: Any) -> ApprovalRequested:
        """Let a run ask, and wait until people on all three channels were told."""
        data = {"title": f"Pay <{run}>?", "policy": {**BY_ADA, **policy}}
        await self.here.publish("work.asked", json.dumps(data).encode(), Nats_Msg_Id=run)
        async for heard in self.here.bus.subscribe(f"approvals.requested.Asking.Asking-{run}", replay=True):
            asked = decode(heard.raw)
            break
        assert isinstance(asked, ApprovalRequested)
        await self.told(asked.message_id)
        return asked

    async def told(self, about: str) -> None:
        missing = {"desk", "letters", "hook"}
        async with asyncio.timeout(30):
            async for heard in self.here.bus.subscribe("notifications.>", replay=True):
                note = decode(heard.raw)
                if isinstance(note, Notification) and note.about == about:
                    assert note.outcome == "sent", note
                    missing.discard(note.channel)
                if not missing:
                    return

    async def decided(self, asked: ApprovalRequested) -> ApprovalDecided:
        async with asyncio.timeout(30):
            async for heard in self.here.bus.subscribe(f"approvals.decided.Asking.{asked.workflow_id}", replay=True):
                decided = decode(heard.raw)
                assert isinstance(decided, ApprovalDecided)
                await self.told(decided.message_id)
                return decided
        raise AssertionError("the bus was closed")

    async def receipts(self, asked: ApprovalRequested) -> list[Receipt]:
        said = [decode(heard.raw) async for heard in self.here.bus.read("receipts.>")]
        return [it for it in said if isinstance(it, Receipt) and it.request_id == asked.request_id]

    def message(self, asked: ApprovalRequested) -> dict[str, Any]:
        """What stands in Slack about a request now."""
        return next(it for it in self.slack.messages().values() if asked.request_id in words_of(it))


async def test_people_answer_where_they_are(world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SECRET, "HOOK_SECRET": HOOK}.items():
        monkeypatch.setenv(name, value)
    known = {"ada": Approver(slack="UADA", email="ada@example.com")}
    approvers_file(tmp_path / "state" / "approvers.yaml", Directory(approvers=known))
    with ExitStack() as stack:
        slack, mail = stack.enter_context(slack_peer()), stack.enter_context(postbox())
        url, posts = hook(stack)
        channels = {
            "desk": {
                "slack": {"channel": "C1", "base_url": f"{slack.url}/api/", "signing_secret_variable": "SLACK_SECRET"}
            },
            "letters": {
                "email": {"host": "127.0.0.1", "port": mail.port, "tls": "none", "sender": "perdure@example.com"}
            },
            "hook": {"webhook": {"url": url, "secret_variable": "HOOK_SECRET", "answers": True}},
        }
        routes = [{"on": "work.asked", "start": "Asking"}]
        notifier = {"channels": channels, "url": "https://approve.example.com"}
        async with world(routes=routes, notifier=notifier) as here:
            places = Places(here, slack, mail, posts)
            await a_click_in_slack_approves(places)
            await a_dialog_in_slack_rejects(places)
            await what_is_not_slacks_changes_nothing(places)
            await a_link_in_a_mail_approves(places)
            await a_signed_post_approves(places)
            await a_policy_that_takes_no_proxies_refuses_them(places)
            await nothing_is_lost_when_the_notifier_is_killed(places)


async def a_click_in_slack_approves(places: Places) -> None:
    asked = await places.ask("click")
    button = buttons_of(places.message(asked))["Approve"]

    assert (await places.slack.click(places.notifier, button, "UADA")).status_code == 200

    decided = await places.decided(asked)
    assert [(voice.approver, voice.proxy) for voice in decided.votes] == [("ada", "notifier")]
    shown = places.message(asked)
    assert (buttons_of(shown), "*Approved* by ada" in words_of(shown)) == ({}, True)
    await eventually(lambda: "settles the request" in places.slack.told[-1]["text"])


async def a_dialog_in_slack_rejects(places: Places) -> None:
    asked = await places.ask("dialog")
    await places.slack.click(places.notifier, buttons_of(places.message(asked))["Reject"], "UADA")
    await places.slack.submit(places.notifier, "Too dear.", "UADA")

    decided = await places.decided(asked)
    assert (decided.decision, decided.comment) == ("reject", "Too dear.")
    assert "*Rejected* by ada\nToo dear." in words_of(places.message(asked))


async def what_is_not_slacks_changes_nothing(places: Places) -> None:
    asked = await places.ask("forged")
    click = places.slack.clicked(buttons_of(places.message(asked))["Approve"], "UADA")
    body = f"payload={json.dumps(click)}".encode()
    told_by_slack = places.slack.signed(body, str(int(time.time())))

    tampered = await post(f"{places.notifier}/slack/desk", body.replace(b"UADA", b"UBOB"), told_by_slack)
    old = await places.slack.post(places.notifier, click, age=301)
    assert (tampered.status_code, old.status_code) == (401, 401)
    assert await places.receipts(asked) == []

    answers = [await post(f"{places.notifier}/slack/desk", body, told_by_slack) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401], "the second time it is a replay"
    await places.decided(asked)
    assert len(await places.receipts(asked)) == 1


async def a_link_in_a_mail_approves(places: Places) -> None:
    asked = await places.ask("mail")
    letter = next(it for it in places.mail.letters if asked.request_id in text_of(it))
    (path,) = re.findall(r"https://approve\.example\.com(/answer/\S+)", text_of(letter))
    link = f"{places.notifier}{path}"
    async with httpx2.AsyncClient() as scanner:
        page = await scanner.get(link)
    assert "Pay &lt;mail&gt;?" in page.text
    assert await places.receipts(asked) == []

    answers = [await post(link, b"decision=approve&comment=Fine.") for _ in range(2)]

    assert ("Your answer counts" in answers[0].text, answers[1].status_code) == (True, 410)
    decided = await places.decided(asked)
    assert (letter["To"], decided.approver, decided.comment) == ("ada@example.com", "ada", "Fine.")


async def a_signed_post_approves(places: Places) -> None:
    asked = await places.ask("hook")
    told = next(it for it in places.posts if asked.request_id.encode() in it.body)
    shown = Webhook(HOOK).verify(told.body, told.headers)["data"]["message"]
    said = {"request_id": shown["request_id"], "digest": shown["digest"], "decision": "approve", "approver": "ada"}

    answer = await signed_post(places, "msg_1", said)

    assert (answer.status_code, answer.json()["accepted"]) == (200, True)
    await places.decided(asked)


async def a_policy_that_takes_no_proxies_refuses_them(places: Places) -> None:
    asked = await places.ask("own", proxies=False)
    said = {"request_id": asked.request_id, "digest": asked.digest, "decision": "approve", "approver": "ada"}

    answer = await signed_post(places, "msg_2", said)

    assert (answer.json()["accepted"], answer.json()["code"]) == (False, "not_allowed")
    assert buttons_of(places.message(asked)) == {}


async def nothing_is_lost_when_the_notifier_is_killed(places: Places) -> None:
    places.here.suite.supervisor.kill("notifier")

    asked = await places.ask("killed")
    await places.slack.click(places.notifier, buttons_of(places.message(asked))["Approve"], "UADA")

    assert (await places.decided(asked)).decision == "approve"


async def signed_post(places: Places, message_id: str, said: dict[str, str]) -> httpx2.Response:
    now, body = datetime.now(UTC), json.dumps(said)
    signature = Webhook(HOOK).sign(message_id, now, body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp()))}
    return await post(f"{places.notifier}/decisions/hook", body.encode(), {**headers, "webhook-signature": signature})


async def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=15) as client:
        return await client.post(url, content=body, headers=headers)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.05)


def hook(stack: ExitStack) -> tuple[str, list[Post]]:
    """Take whatever is posted."""
    posts: list[Post] = []

    def take(post: Post) -> Answer:
        posts.append(post)
        return Answer(204)

    return stack.enter_context(http_peer(take)), posts

"""People are notified and decide in Slack, by mail and by webhook, end to end on real servers."""

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
from perdure.contracts import ApprovalDecided, ApprovalRequested, Notification, Receipt, to_token
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.mail_server import MailServer, mail_server, text_of
from tests.support.people import approvers_file
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer, buttons_of, message_text, slack_peer
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

HOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BY_ADA = {"people": ["ada"]}


@dataclass
class Channels:
    """A suite with three channels, and their servers."""

    world: World
    slack: SlackPeer
    mail: MailServer
    posts: list[Post]

    @property
    def notifier(self) -> str:
        return self.world.suite.endpoints.services["notifier"]

    async def request(self, run: str, **policy: Any) -> ApprovalRequested:
        """Start a run that requests an approval, and wait until all three channels have sent it."""
        data = {"title": f"Pay <{run}>?", "policy": {**BY_ADA, **policy}}
        await self.world.publish("work.asked", json.dumps(data).encode(), Nats_Msg_Id=run)
        async for stored in self.world.bus.subscribe(
            f"approvals.requested.Asking.{to_token(f'Asking~{run}')}", replay=True
        ):
            requested = decode(stored.raw)
            break
        assert isinstance(requested, ApprovalRequested)
        await self.wait_until_sent(requested.message_id)
        return requested

    async def wait_until_sent(self, about: str) -> None:
        missing = {"desk", "mail", "hook"}
        async with asyncio.timeout(30):
            async for stored in self.world.bus.subscribe("notifications.>", replay=True):
                notification = decode(stored.raw)
                if isinstance(notification, Notification) and notification.about == about:
                    assert notification.outcome == "sent", notification
                    missing.discard(notification.channel)
                if not missing:
                    return

    async def decided(self, requested: ApprovalRequested) -> ApprovalDecided:
        async with asyncio.timeout(30):
            async for stored in self.world.bus.subscribe(
                f"approvals.decided.Asking.{to_token(requested.workflow_id)}", replay=True
            ):
                decided = decode(stored.raw)
                assert isinstance(decided, ApprovalDecided)
                await self.wait_until_sent(decided.message_id)
                return decided
        raise AssertionError("the bus was closed")

    async def receipts(self, requested: ApprovalRequested) -> list[Receipt]:
        receipts = [decode(stored.raw) async for stored in self.world.bus.read("receipts.>")]
        return [it for it in receipts if isinstance(it, Receipt) and it.request_id == requested.request_id]

    def message(self, requested: ApprovalRequested) -> dict[str, Any]:
        """Return the Slack message of a request as it is now."""
        return next(it for it in self.slack.messages().values() if requested.request_id in message_text(it))


async def test_people_decide_on_every_channel(
    world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SECRET, "HOOK_SECRET": HOOK}.items():
        monkeypatch.setenv(name, value)
    known = {"ada": Approver(slack="UADA", email="ada@example.com")}
    approvers_file(tmp_path / "state" / "approvers.yaml", Directory(approvers=known))
    with ExitStack() as stack:
        slack, mail = stack.enter_context(slack_peer()), stack.enter_context(mail_server())
        url, posts = hook(stack)
        configured = {
            "desk": {"slack": {"channel": "C1", "signing_secret_variable": "SLACK_SECRET", **slack.addresses}},
            "mail": {"email": {"host": "127.0.0.1", "port": mail.port, "tls": "none", "sender": "perdure@example.com"}},
            "hook": {"webhook": {"url": url, "secret_variable": "HOOK_SECRET", "answers": True}},
        }
        routes = [{"on": "work.asked", "start": "Asking"}]
        notifier = {"channels": configured, "url": "https://approve.example.com"}
        async with world(routes=routes, notifier=notifier) as here:
            channels = Channels(here, slack, mail, posts)
            await a_click_in_slack_approves(channels)
            await a_dialog_in_slack_rejects(channels)
            await a_request_without_slacks_signature_changes_nothing(channels)
            await a_link_in_a_mail_approves(channels)
            await a_signed_post_approves(channels)
            await a_policy_without_proxies_refuses_them(channels)
            await nothing_is_lost_when_the_notifier_is_killed(channels)


async def a_click_in_slack_approves(channels: Channels) -> None:
    requested = await channels.request("click")
    button = buttons_of(channels.message(requested))["Approve"]

    assert (await channels.slack.click(channels.notifier, button, "UADA")).status_code == 200

    decided = await channels.decided(requested)
    assert [(vote.approver, vote.proxy) for vote in decided.votes] == [("ada", "notifier")]
    shown = channels.message(requested)
    assert (buttons_of(shown), "*Approved* by ada" in message_text(shown)) == ({}, True)
    await eventually(lambda: "settles the request" in channels.slack.ephemeral[-1]["text"])


async def a_dialog_in_slack_rejects(channels: Channels) -> None:
    requested = await channels.request("dialog")
    await channels.slack.click(channels.notifier, buttons_of(channels.message(requested))["Reject"], "UADA")
    await channels.slack.submit(channels.notifier, "Too dear.", "UADA")

    decided = await channels.decided(requested)
    assert (decided.decision, decided.comment) == ("reject", "Too dear.")
    assert "*Rejected* by ada\nToo dear." in message_text(channels.message(requested))


async def a_request_without_slacks_signature_changes_nothing(channels: Channels) -> None:
    requested = await channels.request("forged")
    click = channels.slack.click_payload(buttons_of(channels.message(requested))["Approve"], "UADA")
    body = f"payload={json.dumps(click)}".encode()
    slack_headers = channels.slack.signed(body, str(int(time.time())))

    tampered = await post(f"{channels.notifier}/slack/desk", body.replace(b"UADA", b"UBOB"), slack_headers)
    old = await channels.slack.post(channels.notifier, click, age=301)
    assert (tampered.status_code, old.status_code) == (401, 401)
    assert await channels.receipts(requested) == []

    responses = [await post(f"{channels.notifier}/slack/desk", body, slack_headers) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 401], "the second one is a replay"
    await channels.decided(requested)
    assert len(await channels.receipts(requested)) == 1


async def a_link_in_a_mail_approves(channels: Channels) -> None:
    requested = await channels.request("mail")
    mail = next(it for it in channels.mail.mails if requested.request_id in text_of(it))
    (path,) = re.findall(r"https://approve\.example\.com(/answer/\S+)", text_of(mail))
    link = f"{channels.notifier}{path}"
    async with httpx2.AsyncClient() as scanner:
        page = await scanner.get(link)
    assert "Pay &lt;mail&gt;?" in page.text
    assert await channels.receipts(requested) == []

    responses = [await post(link, b"decision=approve&comment=Fine.") for _ in range(2)]

    assert ("Your decision was accepted" in responses[0].text, responses[1].status_code) == (True, 410)
    decided = await channels.decided(requested)
    assert (mail["To"], decided.approver, decided.comment) == ("ada@example.com", "ada", "Fine.")


async def a_signed_post_approves(channels: Channels) -> None:
    requested = await channels.request("hook")
    notice = next(it for it in channels.posts if requested.request_id.encode() in it.body)
    shown = Webhook(HOOK).verify(notice.body, notice.headers)["data"]["message"]
    decision = {"request_id": shown["request_id"], "digest": shown["digest"], "decision": "approve", "approver": "ada"}

    response = await signed_post(channels, "msg_1", decision)

    assert (response.status_code, response.json()["accepted"]) == (200, True)
    await channels.decided(requested)


async def a_policy_without_proxies_refuses_them(channels: Channels) -> None:
    requested = await channels.request("own", proxies=False)
    decision = {
        "request_id": requested.request_id,
        "digest": requested.digest,
        "decision": "approve",
        "approver": "ada",
    }

    response = await signed_post(channels, "msg_2", decision)

    assert (response.json()["accepted"], response.json()["code"]) == (False, "not_allowed")
    assert buttons_of(channels.message(requested)) == {}


async def nothing_is_lost_when_the_notifier_is_killed(channels: Channels) -> None:
    channels.world.suite.supervisor.kill("notifier")

    requested = await channels.request("killed")
    await channels.slack.click(channels.notifier, buttons_of(channels.message(requested))["Approve"], "UADA")

    assert (await channels.decided(requested)).decision == "approve"


async def signed_post(channels: Channels, message_id: str, decision: dict[str, str]) -> httpx2.Response:
    now, body = datetime.now(UTC), json.dumps(decision)
    signature = Webhook(HOOK).sign(message_id, now, body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp()))}
    return await post(f"{channels.notifier}/decisions/hook", body.encode(), {**headers, "webhook-signature": signature})


async def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=15) as client:
        return await client.post(url, content=body, headers=headers)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.05)


def hook(stack: ExitStack) -> tuple[str, list[Post]]:
    """Serve a webhook that keeps all posts."""
    posts: list[Post] = []

    def receive(post: Post) -> Answer:
        posts.append(post)
        return Answer(204)

    return stack.enter_context(http_peer(receive)), posts

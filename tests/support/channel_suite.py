"""A suite with a channel of every kind that people answer on, the channels' servers, and ways to answer."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
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
from tests.support.command_line import perdure_of
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.mail_server import MailServer, mail_server, text_of
from tests.support.people import approvers_file
from tests.support.slack_peer import SECRET, TOKEN, SlackPeer, buttons, message_text, slack_peer
from tests.support.suite import World, open_world

__all__ = ["ANSWERS", "HOOK", "Answers", "Channels", "eventually", "open_channels", "post", "signed_post"]

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


@asynccontextmanager
async def open_channels(folder: Path) -> AsyncIterator[Channels]:
    """Run a suite in this folder whose notifier asks Ada on Slack, by mail and through a webhook."""
    known = {"ada": Approver(slack="UADA", email="ada@example.com")}
    approvers_file(folder / "state" / "approvers.yaml", Directory(approvers=known))
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SECRET": SECRET, "HOOK_SECRET": HOOK}.items():
            patch.setenv(name, value)
        slack, mail = stack.enter_context(slack_peer()), stack.enter_context(mail_server())
        url, posts = hook(stack)
        configured = {
            "desk": {"slack": {"channel": "C1", "signing_secret_variable": "SLACK_SECRET", **slack.addresses}},
            "mail": {"email": {"host": "127.0.0.1", "port": mail.port, "tls": "none", "sender": "perdure@example.com"}},
            "hook": {"webhook": {"url": url, "secret_variable": "HOOK_SECRET", "answers": True}},
        }
        routes = [{"on": "work.asked", "start": "Asking"}]
        notifier = {"channels": configured, "url": "https://approve.example.com"}
        reconciling = {"reconcile_every_seconds": 0.5}
        async with open_world(folder, routes=routes, notifier=notifier, orchestrator=reconciling) as here:
            keyed = await perdure_of(here.settings.state, "approvers", "rotate", "ada", "--protect", "none")
            assert keyed.returncode == 0, keyed.stderr
            yield Channels(here, slack, mail, posts)


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


class Answers:
    """An answer that people give on what a channel showed them first, whatever it shows by now.

    Each returns the sentence with which the answer is refused.
    """

    def __init__(self, channels: Channels, requested: ApprovalRequested) -> None:
        self._channels = channels
        self._requested = requested
        posted = [it for it in channels.slack.calls_of("chat.postMessage") if requested.request_id in message_text(it)]
        self._button = buttons(posted[0])[0]
        mail = next(it for it in channels.mail.mails if requested.request_id in text_of(it))
        (self._link,) = re.findall(r"https://approve\.example\.com(/answer/\S+)", text_of(mail))

    async def in_slack(self) -> str:
        known = len(self._channels.slack.ephemeral)
        response = await self._channels.slack.click(self._channels.notifier, self._button, "UADA")
        assert response.status_code == 200
        await eventually(lambda: len(self._channels.slack.ephemeral) > known)
        return str(self._channels.slack.ephemeral[-1]["text"])

    async def by_link(self) -> str:
        response = await post(f"{self._channels.notifier}{self._link}", b"decision=approve")
        assert response.status_code == 410
        return response.text

    async def by_post(self) -> str:
        response = await signed_post(self._channels, f"late-{self._requested.request_id}", self._decision())
        assert response.json()["accepted"] is False
        return str(response.json()["reason"])

    async def by_command(self) -> str:
        state = self._channels.world.settings.state
        answered = await perdure_of(state, "approve", self._requested.request_id, "--digest", self._requested.digest)
        assert answered.returncode == 1, answered.stderr
        return answered.stdout + answered.stderr

    def _decision(self) -> dict[str, str]:
        about = {"request_id": self._requested.request_id, "digest": self._requested.digest}
        return {**about, "decision": "approve", "approver": "ada"}


ANSWERS: dict[str, Callable[[Answers], Awaitable[str]]] = {
    "slack": Answers.in_slack,
    "email": Answers.by_link,
    "webhook": Answers.by_post,
    "terminal": Answers.by_command,
    "apprise": Answers.by_command,
}
"""How people answer what a channel of each kind has shown them."""

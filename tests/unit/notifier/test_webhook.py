"""The webhook channel against a real HTTP server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from perdure.errors import Unavailable
from perdure.local.ports import choose_ports
from perdure_notifier.channels import Busy, Refused
from perdure_notifier.channels.webhook import WebhookChannel
from perdure_notifier.notice import Notice
from perdure_notifier.render import render
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.notifier import request

REQUEST = request(details={"price": 7, "for": "Sie, für"})
NOTICE = Notice(message=REQUEST)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (of Standard Webhooks' own examples)


@dataclass
class Peer:
    """Keeps posts and answers with a status; without one it closes the connection."""

    status: int | None = 200
    url: str = ""
    received: list[Post] = field(default_factory=list)

    def answer(self, post: Post) -> Answer:
        self.received.append(post)
        return Answer(self.status, {"retry-after": "7"})


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    with http_peer(peer.answer) as url:
        peer.url = f"{url}/hook?room=7"
        yield peer


async def send(url: str, *notices: Notice, secret: str | None = None) -> str:
    async with httpx2.AsyncClient(timeout=10) as client:
        return await WebhookChannel("hook", client, url, secret).send(notices or (NOTICE,))


async def test_the_notice_and_the_message_are_posted(peer: Peer) -> None:
    detail = await send(peer.url)

    assert detail == "HTTP 200"
    (post,) = peer.received
    body = json.loads(post.body)
    assert post.headers["content-type"] == "application/json"
    assert body["type"] == "approvals.requested"
    assert body["data"] == {
        "headline": "Approval requested: Pay 1?",
        "text": render(NOTICE).body,
        "message": json.loads(REQUEST.model_dump_json()),
    }


async def test_a_post_is_signed_by_standard_webhooks(peer: Peer) -> None:
    await send(peer.url, secret=SECRET)

    (post,) = peer.received
    assert Webhook(SECRET).verify(post.body, post.headers)["type"] == "approvals.requested"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body.replace(b"Pay", b"Buy"), post.headers)


async def test_every_attempt_has_the_same_id(peer: Peer) -> None:
    for _ in range(2):
        await send(peer.url)

    assert [post.headers["webhook-id"] for post in peer.received] == [REQUEST.message_id] * 2


async def test_a_digest_is_posted_as_a_list(peer: Peer) -> None:
    await send(peer.url, NOTICE, Notice(message=request(2)))

    body = json.loads(peer.received[0].body)
    assert (body["type"], [it["message"]["request_id"] for it in body["data"]]) == ("digest", ["w.1", "w.2"])


async def test_a_rate_limit_carries_retry_after(peer: Peer) -> None:
    peer.status = 429

    with pytest.raises(Busy) as busy:
        await send(peer.url)

    assert busy.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_makes_the_channel_unavailable(peer: Peer, status: int) -> None:
    peer.status = status

    with pytest.raises(Unavailable, match=f"answered HTTP {status}"):
        await send(peer.url)


@pytest.mark.parametrize("status", [302, 400, 404])
async def test_a_rejected_post_is_not_retried(peer: Peer, status: int) -> None:
    peer.status = status

    with pytest.raises(Refused, match=f"answered HTTP {status}"):
        await send(peer.url)


async def test_a_closed_connection_makes_the_channel_unavailable(peer: Peer) -> None:
    peer.status = None

    with pytest.raises(Unavailable, match="does not answer"):
        await send(peer.url)


async def test_an_unreachable_server_makes_the_channel_unavailable() -> None:
    nobody = choose_ports({"nobody": 0}, remembered={}, requested={})["nobody"]

    with pytest.raises(Unavailable, match="does not answer"):
        await send(f"http://127.0.0.1:{nobody}/")


async def test_an_id_that_no_header_can_carry_and_a_megabyte_of_any_text_arrive(peer: Peer) -> None:
    hostile = Notice(
        message=request(workflow_id="Ärger\r\nx: 1", request_id="Ärger\r\nx: 1.1", details="\u202e\0" * 500_000)
    )

    await send(peer.url, hostile, secret=SECRET)

    (post,) = peer.received
    assert post.headers["webhook-id"].isascii()
    assert "x" not in post.headers
    assert Webhook(SECRET).verify(post.body, post.headers)["data"]["message"]["request_id"] == "Ärger\r\nx: 1.1"

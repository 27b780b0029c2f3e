"""The webhook channel against a real HTTP peer."""

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

ABOUT = request(details={"price": 7, "for": "Sie, für"})
NOTICE = Notice(message=ABOUT)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (of Standard Webhooks' own examples)


@dataclass
class Peer:
    """Hears posts, and answers with a status; with none it hangs up."""

    status: int | None = 200
    url: str = ""
    heard: list[Post] = field(default_factory=list)

    def answer(self, post: Post) -> Answer:
        self.heard.append(post)
        return Answer(self.status, {"retry-after": "7"})


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    with http_peer(peer.answer) as url:
        peer.url = f"{url}/hook?room=7"
        yield peer


async def tell(url: str, *notices: Notice, secret: str | None = None) -> str:
    async with httpx2.AsyncClient(timeout=10) as client:
        return await WebhookChannel("hook", client, url, secret).send(notices or (NOTICE,))


async def test_the_notice_and_the_message_are_posted(peer: Peer) -> None:
    answer = await tell(peer.url)

    assert answer == "HTTP 200"
    (post,) = peer.heard
    said = json.loads(post.body)
    assert post.headers["content-type"] == "application/json"
    assert said["type"] == "approvals.requested"
    assert said["data"] == {
        "headline": "Approval wanted: Pay 1?",
        "text": render(NOTICE).text,
        "message": json.loads(ABOUT.model_dump_json()),
    }


async def test_it_is_signed_as_standard_webhooks_says(peer: Peer) -> None:
    await tell(peer.url, secret=SECRET)

    (post,) = peer.heard
    assert Webhook(SECRET).verify(post.body, post.headers)["type"] == "approvals.requested"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body.replace(b"Pay", b"Buy"), post.headers)


async def test_every_try_carries_the_same_id(peer: Peer) -> None:
    for _ in range(2):
        await tell(peer.url)

    assert [post.headers["webhook-id"] for post in peer.heard] == [ABOUT.message_id] * 2


async def test_many_are_posted_as_a_list(peer: Peer) -> None:
    await tell(peer.url, NOTICE, Notice(message=request(2)))

    said = json.loads(peer.heard[0].body)
    assert (said["type"], [it["message"]["request_id"] for it in said["data"]]) == ("digest", ["w.1", "w.2"])


async def test_a_peer_that_asks_for_time_gets_it(peer: Peer) -> None:
    peer.status = 429

    with pytest.raises(Busy) as busy:
        await tell(peer.url)

    assert busy.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_peer_in_trouble_is_tried_again(peer: Peer, status: int) -> None:
    peer.status = status

    with pytest.raises(Unavailable, match=f"answered HTTP {status}"):
        await tell(peer.url)


@pytest.mark.parametrize("status", [302, 400, 404])
async def test_a_peer_that_refuses_is_not_tried_again(peer: Peer, status: int) -> None:
    peer.status = status

    with pytest.raises(Refused, match=f"answered HTTP {status}"):
        await tell(peer.url)


async def test_a_peer_that_hangs_up_is_tried_again(peer: Peer) -> None:
    peer.status = None

    with pytest.raises(Unavailable, match="does not answer"):
        await tell(peer.url)


async def test_a_peer_that_is_not_there_is_tried_again() -> None:
    nobody = choose_ports({"nobody": 0}, remembered={}, asked={})["nobody"]

    with pytest.raises(Unavailable, match="does not answer"):
        await tell(f"http://127.0.0.1:{nobody}/")

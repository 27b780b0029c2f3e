"""The apprise channel, tested with apprise's JSON service against a real HTTP server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.apprise import AppriseChannel
from perdure_notifier.notice import Notice
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.notifier import request


class Peer:
    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[Any] = []
        self.url = ""

    def answer(self, post: Post) -> Answer:
        self.received.append(json.loads(post.body))
        return Answer(self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    with http_peer(peer.answer) as url:
        peer.url = url.replace("http:", "json:")
        yield peer


async def test_a_service_gets_the_request_and_the_command_to_decide_it(peer: Peer) -> None:
    detail = await AppriseChannel("pager", [peer.url]).send([Notice(message=request())])

    assert detail == "sent to 1 services"
    (notification,) = peer.received
    assert notification["title"] == "Approval requested: Pay 1?"
    assert "perdure approve w.1" in notification["message"]


async def test_a_failing_service_makes_the_channel_unavailable(peer: Peer) -> None:
    peer.statuses = [500]

    with pytest.raises(Unavailable, match="At least one service of pager failed"):
        await AppriseChannel("pager", [peer.url]).send([Notice(message=request())])


def test_an_unsupported_url_is_named_by_its_position() -> None:
    with pytest.raises(SetupError, match="apprise does not support URL 2") as refused:
        AppriseChannel("pager", ["json://127.0.0.1/", "nonsense://secret"])

    assert "secret" not in str(refused.value)

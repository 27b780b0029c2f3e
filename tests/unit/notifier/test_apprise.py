"""The apprise channel, tested with apprise's JSON service against a real HTTP server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.bus import KeyValue, MemoryKeyValue
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.apprise import AppriseChannel
from perdure_notifier.notice import Notice
from tests.support.http_peer import Answer, Post, http_peer
from tests.support.notifier import request
from tests.support.ports import free_port


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


def channel(urls: list[str], entries: KeyValue | None = None) -> AppriseChannel:
    return AppriseChannel("pager", urls, entries=entries or MemoryKeyValue())


async def test_a_service_gets_the_request_and_the_command_to_decide_it(peer: Peer) -> None:
    detail = await channel([peer.url]).send([Notice(message=request())])

    assert detail == "sent to 1 services"
    (notification,) = peer.received
    assert notification["title"] == "Approval requested: Pay 1?"
    assert "perdure approve w.1" in notification["message"]


async def test_a_failing_service_makes_the_channel_unavailable(peer: Peer) -> None:
    peer.statuses = [500]

    with pytest.raises(Unavailable, match="service 1 of pager failed"):
        await channel([peer.url]).send([Notice(message=request())])


def test_an_unsupported_url_is_named_by_its_position() -> None:
    with pytest.raises(SetupError, match="apprise does not support URL 2") as refused:
        channel(["json://127.0.0.1/", "nonsense://secret"])

    assert "secret" not in str(refused.value)


async def test_a_service_that_is_dead_keeps_no_other_from_the_notice_and_the_others_get_it_once(peer: Peer) -> None:
    entries = MemoryKeyValue()
    urls = [f"json://127.0.0.1:{free_port()}/", peer.url]
    for _ in range(2):
        with pytest.raises(Unavailable, match="service 1 of pager failed"):
            await channel(urls, entries).send([Notice(message=request())])

    assert len(peer.received) == 1


async def test_a_megabyte_of_any_text_arrives_cut(peer: Peer) -> None:
    await channel([peer.url]).send([Notice(message=request(title="Pay\r\nX: 1", details="\u202e\0" * 500_000))])

    (notification,) = peer.received
    assert notification["title"] == "Approval requested: Pay\\r X: 1"
    assert len(notification["message"]) < 40_000
    assert "perdure approve w.1" in notification["message"]

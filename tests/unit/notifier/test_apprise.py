"""The apprise channel, by one of apprise's own services against a real HTTP peer."""

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
        self.heard: list[Any] = []
        self.url = ""

    def answer(self, post: Post) -> Answer:
        self.heard.append(json.loads(post.body))
        return Answer(self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    with http_peer(peer.answer) as url:
        peer.url = url.replace("http:", "json:")
        yield peer


async def test_people_are_told_what_is_asked_and_how_to_answer(peer: Peer) -> None:
    told = await AppriseChannel("pager", [peer.url]).send([Notice(message=request())])

    assert told == "told 1 services"
    (said,) = peer.heard
    assert said["title"] == "Approval wanted: Pay 1?"
    assert "perdure approve w.1" in said["message"]


async def test_what_a_service_does_not_take_is_tried_again(peer: Peer) -> None:
    peer.statuses = [500]

    with pytest.raises(Unavailable, match="Not every service of pager took it"):
        await AppriseChannel("pager", [peer.url]).send([Notice(message=request())])


def test_a_url_that_apprise_does_not_know_is_told_by_its_place() -> None:
    with pytest.raises(SetupError, match="URL 2 is none that apprise knows") as refused:
        AppriseChannel("pager", ["json://127.0.0.1/", "nonsense://secret"])

    assert "secret" not in str(refused.value)

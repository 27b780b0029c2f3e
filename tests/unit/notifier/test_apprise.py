"""The apprise channel, by one of apprise's own services against a real HTTP peer."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.apprise import AppriseChannel
from perdure_notifier.notice import Notice
from tests.telling import request


class Peer:
    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.heard: list[Any] = []
        self.url = ""


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            peer.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(peer.statuses.pop(0) if peer.statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """A test needs no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        peer.url = f"json://127.0.0.1:{server.server_port}/"
        yield peer
        server.shutdown()
        thread.join()


async def test_people_are_told_what_is_asked_and_how_to_answer(peer: Peer) -> None:
    told = await AppriseChannel("pager", [peer.url]).tell([Notice(message=request())])

    assert told == "told 1 services"
    (said,) = peer.heard
    assert said["title"] == "Approval wanted: Pay 1?"
    assert "perdure approve w.1" in said["message"]


async def test_what_a_service_does_not_take_is_tried_again(peer: Peer) -> None:
    peer.statuses = [500]

    with pytest.raises(Unavailable, match="Not every service of pager took it"):
        await AppriseChannel("pager", [peer.url]).tell([Notice(message=request())])


def test_a_url_that_apprise_does_not_know_is_told_by_its_place() -> None:
    with pytest.raises(SetupError, match="URL 2 is none that apprise knows") as refused:
        AppriseChannel("pager", ["json://127.0.0.1/", "nonsense://secret"])

    assert "secret" not in str(refused.value)

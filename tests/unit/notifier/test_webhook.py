"""The webhook channel against a real HTTP peer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError

from perdure.contracts import ApprovalRequested
from perdure.errors import Unavailable
from perdure.local.ports import choose_ports
from perdure.settings import NotifierSettings
from perdure_notifier.channels import Refused, open_channels
from perdure_notifier.render import Notice

NOTICE = Notice("Approval wanted: Publish?", "Request w.1, für Sie")
ABOUT = ApprovalRequested(
    workflow="W",
    workflow_id="w",
    run_id="r",
    request_id="w.1",
    title="Publish?",
    details={"price": 7},
    digest="a" * 64,
    opened_at=datetime(2026, 11, 23, tzinfo=UTC),
)


@dataclass
class Peer:
    """Hears posts, and answers with a status; with none it hangs up."""

    status: int | None = 200
    url: str = ""
    heard: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            peer.heard.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            if peer.status is not None:
                self.send_response(peer.status)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """A test needs no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        peer.url = f"http://127.0.0.1:{server.server_port}/hook?room=7"
        yield peer
        server.shutdown()
        thread.join()


async def tell(url: str) -> str:
    async with open_channels(NotifierSettings(terminal=False, webhook_url=url)) as channels:
        (channel,) = channels
        assert channel.name == "webhook"
        return await channel.tell(NOTICE, ABOUT)


async def test_the_notice_and_the_message_are_posted(peer: Peer) -> None:
    answer = await tell(peer.url)

    assert answer == "HTTP 200"
    ((headers, body),) = peer.heard
    assert headers["content-type"] == "application/json"
    assert body == {"headline": NOTICE.headline, "text": NOTICE.text, "message": json.loads(ABOUT.model_dump_json())}
    assert ApprovalRequested.model_validate(body["message"]) == ABOUT


async def test_every_try_carries_the_same_idempotency_key(peer: Peer) -> None:
    for _ in range(2):
        await tell(peer.url)

    assert [headers["idempotency-key"] for headers, _ in peer.heard] == [ABOUT.message_id] * 2


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


def test_a_webhook_that_is_no_url_is_refused_in_the_configuration() -> None:
    with pytest.raises(ValidationError, match="webhook_url"):
        NotifierSettings.model_validate({"webhook_url": "not a url"})


async def test_a_peer_that_hangs_up_is_tried_again(peer: Peer) -> None:
    peer.status = None

    with pytest.raises(Unavailable, match="does not answer"):
        await tell(peer.url)


async def test_a_peer_that_is_not_there_is_tried_again() -> None:
    nobody = choose_ports({"nobody": 0}, remembered={}, asked={})["nobody"]

    with pytest.raises(Unavailable, match="does not answer"):
        await tell(f"http://127.0.0.1:{nobody}/")

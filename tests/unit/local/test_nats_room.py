"""Whether an embedded nats-server has room, from what its monitoring says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from perdure.local.nats_store import bound_reached, has_no_room

GIB = 1024**3


@contextmanager
def monitoring(stored: int, most: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"storage": stored, "config": {"max_storage": most}}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("room", "full"), [(GIB, False), (1_000, True), (0, True)])
async def test_a_server_that_may_store_little_more_than_it_holds_has_room_until_a_message_does_not_fit(
    room: int, *, full: bool
) -> None:
    with monitoring(100 * GIB, 100 * GIB + room) as monitor:
        assert await bound_reached(monitor) is not None
        assert await has_no_room(monitor) is full


async def test_of_a_server_that_does_not_reply_nothing_is_claimed() -> None:
    assert not await has_no_room("http://127.0.0.1:1")

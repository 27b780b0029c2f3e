"""An MCP server over HTTP in the protocol before 2026: with sessions, which it loses on demand, as by a restart."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

__all__ = ["SessionServer", "serving"]


@dataclass
class SessionServer:
    """The server as a test sees and controls it.

    Attributes:
        session: The only valid session.
        lost: The response to any other session: an HTTP status, and a JSON-RPC error or no body.
        failures: The responses to the next tool calls, likewise.
        closed: If set, the HTTP status of every response.
        retry_after: The header of that name of error responses.
        keys: The idempotency keys of the received calls.
        tokens: The values of the header `authorization` that were received.
        headers: Those of all requests.
        accepts: The only value of `authorization` that is not refused; by default any is accepted.
        refusal: The HTTP status of a refusal.
        streams: Whether answers are events of a stream.
        bodies: The bodies of the answers to the next tool calls, as they are but for `%d`, the id of the call.
    """

    url: str
    session: str = ""
    lost: tuple[int, dict[str, Any] | None] = (404, None)
    failures: list[tuple[int, dict[str, Any] | None]] = field(default_factory=list)
    closed: int | None = None
    retry_after: str | None = None
    keys: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    headers: list[Any] = field(default_factory=list)
    accepts: str | None = None
    streams: bool = False
    bodies: list[bytes] = field(default_factory=list)
    refusal: int = 401

    def restart(self) -> None:
        """Forget the session."""
        self.session = ""

    def answer(self, request: dict[str, Any], session: str | None) -> tuple[int, dict[str, Any] | None]:
        """Return the HTTP status and the body."""
        if request["method"] == "initialize":
            self.session = uuid4().hex
            server = {"serverInfo": {"name": "sessions", "version": "1"}, "capabilities": {"tools": {}}}
            return 200, {"result": {"protocolVersion": "2025-06-18", **server}}
        if request["method"] == "server/discover":
            return 400, {"error": {"code": -32601, "message": "Method not found"}}
        if session != self.session:
            return self.lost
        if request["method"] == "tools/list":
            return 200, {"result": {"tools": [{"name": "note_key", "inputSchema": {"type": "object"}}]}}
        if request["method"] == "tools/call":
            self.keys.append(request["params"]["_meta"]["perdure/idempotency-key"])
            return self.failures.pop(0) if self.failures else (200, {"result": {"content": []}})
        return 202, None


@contextmanager
def serving() -> Iterator[SessionServer]:
    """Serve until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        _Handler.server_of[http] = server = SessionServer(f"http://127.0.0.1:{http.server_port}/mcp")
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield server
        finally:
            http.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: ClassVar[dict[Any, SessionServer]] = {}

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server = self.server_of[self.server]
        server.tokens.add(self.headers["authorization"])
        server.headers.append(self.headers)
        answer = server.answer(request, self.headers["mcp-session-id"])
        if server.accepts not in {None, self.headers["authorization"]}:
            answer = server.refusal, None
        status, message = answer if server.closed is None else (server.closed, None)
        body = b"" if message is None else json.dumps({"jsonrpc": "2.0", "id": request.get("id"), **message}).encode()
        if server.bodies and request["method"] == "tools/call":
            body = server.bodies.pop(0).replace(b"%d", str(request["id"]).encode())
        if server.streams and body:
            body = b"event: message\ndata: " + body + b"\n\n"
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if message is not None:
            self.send_header("content-type", "text/event-stream" if server.streams else "application/json")
        if server.retry_after is not None and status >= HTTPStatus.BAD_REQUEST:
            self.send_header("retry-after", server.retry_after)
        if request["method"] == "initialize":
            self.send_header("mcp-session-id", server.session)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_response(405)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Write no access log."""

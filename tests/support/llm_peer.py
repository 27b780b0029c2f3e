"""An HTTP server with the APIs of OpenAI, Anthropic and Google, which fails as its plan demands."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.llm_wire import ModelOutput, encode, lacks_results

__all__ = ["Behaviour", "LlmPeer", "llm_peer"]

Behaviour = Literal[
    "answer",
    "call_tool",
    "cut_off",
    "empty",
    "rate_limit_wait",
    "rate_limit",
    "error",
    "overloaded",
    "unavailable",
    "slow_headers",
    "slow_body",
    "cut",
    "cut_early",
    "reset",
    "trickle",
    "malformed",
    "wrong_schema",
    "failed",
    "filtered",
    "refusal",
    "filtered_request",
    "too_long",
    "bad_key",
    "forbidden",
    "unknown_model",
    "no_quota",
    "refused",
]

Planned = Behaviour | int | bytes

_STATUS: Mapping[str, tuple[int, str, str]] = {
    "rate_limit_wait": (429, "rate_limit_error", "rate_limit_exceeded"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "error": (500, "api_error", "server_error"),
    "unavailable": (503, "api_error", "service_unavailable"),
    "overloaded": (529, "overloaded_error", "overloaded"),
    "too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "filtered_request": (400, "invalid_request_error", "content_policy_violation"),
    "refused": (400, "invalid_request_error", "invalid_value"),
    "bad_key": (401, "authentication_error", "invalid_api_key"),
    "forbidden": (403, "permission_error", "insufficient_permissions"),
    "unknown_model": (404, "not_found_error", "model_not_found"),
    "no_quota": (402, "billing_error", "insufficient_quota"),
}

# Contains the words by which each SDK recognises this error.
_TOO_LONG = "prompt is too long: the input token count exceeds the maximum context length"


@dataclass
class LlmPeer:
    """The server as a test sees it.

    Attributes:
        plan: The behaviours for the next requests. Bytes are the body of a response with status 200. A number is the
            HTTP status of a proxy: a page of a hundred thousand characters that contains the key. A conversation with a
            call that has no result is refused, whatever the plan.
        otherwise: The behaviour for all other requests.
        requests: The received requests, each with its path, headers and body.
        window: The most bytes of a request; longer ones are refused as ``too_long``.
        slow: The delay of the slow behaviours, in seconds.
        retry_after: The header of that name of ``rate_limit_wait``.
        key: The only key that is not refused; by default any is accepted.
        arguments: The arguments with which ``call_tool`` calls the tool that was offered last, as JSON or broken JSON.
    """

    url: str = ""
    plan: list[Planned] = field(default_factory=list)
    otherwise: Planned = "answer"
    requests: list[dict[str, Any]] = field(default_factory=list)
    window: int | None = None
    slow: float = 5.0
    retry_after: str = "7"
    arguments: str = "{}"
    key: str | None = None
    _served: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._served.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
                self.requests.append({"path": first.split()[1], "headers": headers, "body": body})
                behaviour = self._next(self.requests[-1])
                if not await self._respond(behaviour, self.requests[-1], writer):
                    return
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def close(self) -> None:
        """Cancel all requests that are still served."""
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    def _next(self, request: dict[str, Any]) -> Planned:
        behaviour = self.plan.pop(0) if self.plan else self.otherwise
        if self.key is not None and self.key not in str(request["headers"]):
            return "bad_key"
        if self.window is not None and int(request["headers"]["content-length"]) > self.window:
            return "too_long"
        return "refused" if lacks_results(request["path"], request["body"]) else behaviour

    async def _respond(self, behaviour: Planned, request: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if behaviour == "cut_early":
            return False
        if behaviour == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
            await writer.drain()
            return False
        if behaviour in {"reset", "trickle"}:
            await self._break_off(writer, trickles=behaviour == "trickle")
            return False
        if behaviour == "slow_headers":
            await asyncio.sleep(self.slow)
        status, body = self._response(behaviour, request)
        more = f"retry-after: {self.retry_after}\r\n" if behaviour == "rate_limit_wait" else ""
        kind = {"e": "text/event-stream", "<": "text/html"}.get(body[0], "application/json")
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body[:10].encode())
        await writer.drain()
        if behaviour == "slow_body":
            await asyncio.sleep(self.slow)
        writer.write(body[10:].encode())
        await writer.drain()
        return True

    async def _break_off(self, writer: asyncio.StreamWriter, *, trickles: bool) -> None:
        """Send a body that never ends, or reset the connection within it."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n{")
        await writer.drain()
        while trickles:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _response(self, behaviour: Planned, request: dict[str, Any]) -> tuple[int, str]:
        """Return the status and the body. Errors repeat the key, as some providers do."""
        headers = request["headers"]
        key = headers.get("authorization") or headers.get("x-api-key") or headers.get("x-goog-api-key", "")
        if isinstance(behaviour, bytes):
            return 200, behaviour.decode()
        if isinstance(behaviour, int):
            return behaviour, f"<html>{key}{'x' * 100_000}{key}</html>"
        if behaviour in _STATUS:
            status, kind, code = _STATUS[behaviour]
            message = _TOO_LONG if behaviour == "too_long" else f"{code} for {key}"
            google = {"status": "INVALID_ARGUMENT"} if behaviour == "too_long" else {}
            error = {"type": kind, "code": code, "message": message, "param": None, **google}
            return status, json.dumps({"type": "error", "error": error})
        if behaviour == "wrong_schema":
            return 200, '{"hello": "world"}'
        output = self._output(behaviour, request["body"])
        body = encode(request["path"], request["body"], output)
        return 200, body.replace('"', "'") if behaviour == "malformed" else body

    def _output(self, behaviour: Behaviour, body: dict[str, Any]) -> ModelOutput:
        tool = None
        if behaviour == "call_tool":
            offered = body["tools"][-1]
            offered = offered.get("functionDeclarations", [offered])[-1]
            tool = offered.get("function", offered)["name"]
        return ModelOutput(
            tool=tool,
            arguments=self.arguments,
            refusal="I will not." if behaviour == "refusal" else None,
            filtered=behaviour == "filtered",
            failed=behaviour == "failed",
            cut_off=behaviour == "cut_off",
            text="" if behaviour == "empty" else "hello",
        )


@asynccontextmanager
async def llm_peer() -> AsyncIterator[LlmPeer]:
    """Serve on loopback for as long as the block lasts."""
    peer = LlmPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()
        await peer.close()

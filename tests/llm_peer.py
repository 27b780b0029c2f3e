"""A real HTTP server that speaks the wire protocols of OpenAI and Anthropic, and misbehaves when it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Behaviour", "LlmPeer", "llm_peer"]

Behaviour = Literal[
    "answer",
    "rate_limit_wait",
    "rate_limit",
    "error",
    "overloaded",
    "slow_headers",
    "slow_body",
    "cut",
    "malformed",
    "wrong_schema",
    "filtered",
    "too_long",
    "bad_key",
    "unknown_model",
    "no_quota",
]

_STATUS: Mapping[str, tuple[int, str, str]] = {
    "rate_limit_wait": (429, "rate_limit_error", "rate_limit_exceeded"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "error": (500, "api_error", "server_error"),
    "overloaded": (529, "overloaded_error", "overloaded"),
    "too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "bad_key": (401, "authentication_error", "invalid_api_key"),
    "unknown_model": (404, "not_found_error", "model_not_found"),
    "no_quota": (402, "billing_error", "insufficient_quota"),
}


@dataclass
class LlmPeer:
    """What a test sees of it.

    Attributes:
        plan: What it does with the next requests; when all is done, it answers.
        asked: The requests, each with its path, headers and body.
    """

    url: str = ""
    plan: list[Behaviour] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    slow: float = 5.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
                self.asked.append({"path": first.split()[1], "headers": headers, "body": body})
                behaviour = self.plan.pop(0) if self.plan else "answer"
                if not await self._respond(behaviour, self.asked[-1], writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _respond(self, behaviour: Behaviour, asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if behaviour == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
            await writer.drain()
            return False
        if behaviour == "slow_headers":
            await asyncio.sleep(self.slow)
        status, more = 200, ""
        body = _answer(asked, filtered=behaviour == "filtered")
        if behaviour in _STATUS:
            status, kind, code = _STATUS[behaviour]
            key = asked["headers"].get("authorization") or asked["headers"].get("x-api-key", "")
            words = "prompt is too long: maximum context length" if behaviour == "too_long" else f"{code} for {key}"
            error = {"type": kind, "code": code, "message": words, "param": None}
            body = json.dumps({"type": "error", "error": error})
        elif behaviour == "malformed":
            body = body.replace('"', "'")
        elif behaviour == "wrong_schema":
            body = '{"hello": "world"}'
        if behaviour == "rate_limit_wait":
            more = "retry-after: 7\r\n"
        kind = "text/event-stream" if body.startswith("event:") else "application/json"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body[:10].encode())
        await writer.drain()
        if behaviour == "slow_body":
            await asyncio.sleep(self.slow)
        writer.write(body[10:].encode())
        await writer.drain()
        return True


def _answer(asked: Mapping[str, Any], *, filtered: bool) -> str:
    """Answer in the protocol of the path that was asked."""
    if asked["path"].endswith("/messages"):
        return _anthropic(asked["body"], filtered=filtered)
    message = {"role": "assistant", "content": None if filtered else "hello", "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": asked["body"]["model"],
            "choices": [
                {"index": 0, "message": message, "finish_reason": "content_filter" if filtered else "stop"},
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        }
    )


def _anthropic(asked: Mapping[str, Any], *, filtered: bool) -> str:
    """Answer whole, or as the events of a stream: Anthropic's SDK asks for one where answers may be long."""
    reason = "refusal" if filtered else "end_turn"
    parts = [] if filtered else [{"type": "text", "text": "hello"}]
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": parts,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 3},
    }
    if not asked.get("stream"):
        return json.dumps(message)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        *({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}} for _ in parts),
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part["text"]}}
            for part in parts
        ),
        *({"type": "content_block_stop", "index": 0} for _ in parts),
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


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

"""An MCP server and a provider over HTTP that answer whatever a test makes up, and how Hypothesis makes it up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from tests.support.http_peer import Answer, Post, http_peer
from tests.support.llm_wire import chat_completion

__all__ = ["AnyPeers", "RawAnswer", "any_peers", "serving_any"]

_JSON: Final = {"content-type": "application/json"}
_WORDS: Final = ("object", "string", "integer", "array", "null", "any", "")

texts = st.text(max_size=20) | st.sampled_from(
    ["", " ", "\x00", "\ud800", "a" * 70, "fs.read", "files/read", "../x", "💥"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class RawAnswer:
    """What the provider answers: a status and a body; a body that is cut ends before its content-length."""

    status: int
    body: str
    retry_after: str | None = None


@dataclass
class AnyPeers:
    """What both peers say; after the last of its answers the provider answers as it should.

    Attributes:
        tools: The tools that the server lists, in MCP's JSON or not.
        result: The result of each call, likewise.
        answers: The provider's next answers.
        calls: How many calls the server has received.
    """

    tools: list[Any]
    result: Any
    answers: list[RawAnswer]
    calls: int = 0
    _asked: int = field(default=0, init=False)

    def answer(self, post: Post) -> Answer:
        """Answer a request of either protocol."""
        request = json.loads(post.body)
        if "jsonrpc" in request:
            return self._of_server(request)
        self._asked += 1
        if self._asked > len(self.answers):
            return Answer(200, _JSON, json.dumps(chat_completion({"content": "done"}, "stop")).encode())
        raw = self.answers[self._asked - 1]
        more = {} if raw.retry_after is None else {"retry-after": raw.retry_after}
        return Answer(raw.status, {**_JSON, **more}, raw.body.encode("utf-8", "surrogatepass"))

    def _of_server(self, request: dict[str, Any]) -> Answer:
        match request["method"]:
            case "initialize":
                shown = {"serverInfo": {"name": "any", "version": "1"}, "capabilities": {"tools": {}}}
                result: Any = {"protocolVersion": "2025-06-18", **shown}
            case "tools/list":
                result = {"tools": self.tools}
            case "tools/call":
                self.calls += 1
                result = self.result
            case _:
                error = {"code": -32601, "message": "no such method"}
                return _rpc(request, {"error": error}) if "id" in request else Answer(202)
        return _rpc(request, {"result": result})


def _rpc(request: dict[str, Any], answer: dict[str, Any]) -> Answer:
    return Answer(200, _JSON, json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode())


_schemas = st.recursive(
    st.just({}) | st.fixed_dictionaries({"type": st.sampled_from(_WORDS)}) | json_values,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(_WORDS) | st.just(["object", "null"]) | json_values,
            "properties": st.dictionaries(texts, inner, max_size=3) | json_values,
            "required": st.lists(texts, max_size=2) | json_values,
            "oneOf": st.lists(inner, max_size=3) | json_values,
            "allOf": st.lists(inner, max_size=2),
            "$ref": st.sampled_from(["#", "#/$defs/A", "#/nowhere", "http://127.0.0.1:9/x"]),
            "$defs": st.dictionaries(st.just("A"), inner),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^(a+)+$", "[", ""]), inner, max_size=1),
            "enum": json_values,
        },
    ),
    max_leaves=5,
)
_tools = st.lists(
    st.fixed_dictionaries(
        {"name": texts, "inputSchema": _schemas}, optional={"description": texts, "outputSchema": _schemas}
    )
    | json_values,
    max_size=4,
)
_parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "audio", "resource", "resource_link", "other"])},
    optional={
        "text": texts,
        "data": st.sampled_from(["", "AAAA", "no base64!"]),
        "mimeType": st.sampled_from(["image/png", "audio/wav", "x", ""]),
        "resource": json_values | st.just({"uri": "file:///x", "text": "t"}),
        "uri": texts,
        "name": texts,
    },
)
_results = (
    st.fixed_dictionaries(
        {"content": st.lists(_parts, max_size=3)}, optional={"isError": st.booleans(), "structuredContent": json_values}
    )
    | json_values
)
_calls = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={
        "id": st.sampled_from(["c1", "c1", "c2", ""]),
        "function": st.fixed_dictionaries(
            {"name": texts, "arguments": st.sampled_from(["{}", "", "{", "[]", '{"a": 1}', "null"]) | texts}
        ),
    },
)
_messages = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | texts,
        "refusal": st.none() | texts,
        "tool_calls": st.lists(_calls, max_size=3) | st.none(),
    },
)
_usages = st.none() | st.fixed_dictionaries(
    dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), st.integers(-1, 2**70) | st.none())
)
_reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call", "other", None])
_good = st.builds(chat_completion, _messages, _reasons, usage=_usages).map(json.dumps)
_bodies = _good | json_values.map(json.dumps) | texts | _good.map(lambda body: body[: len(body) // 2])
_statuses = st.sampled_from([200, 200, 200, 400, 401, 404, 413, 429, 500, 503, 529])
_answers = st.builds(RawAnswer, st.just(200), _good) | st.builds(
    RawAnswer, _statuses, _bodies, st.sampled_from([None, None, "1", "0", "-1", "x", "Wed, 21 Oct 2026 07:28:00 GMT"])
)

any_peers = st.builds(AnyPeers, _tools, _results, st.lists(_answers, max_size=4))


@contextmanager
def serving_any(peers: AnyPeers) -> Iterator[str]:
    """Serve both on loopback until the block ends; yield the URL: the server is below ``/mcp``."""
    with http_peer(peers.answer) as url:
        yield url

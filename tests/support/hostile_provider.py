"""A provider whose conversations go badly: each request fails once in some way, and some answers are never good."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.hostile_agency import SERVERS
from tests.support.http_peer import Answer, Post
from tests.support.llm_wire import chat_completion

__all__ = ["HostileProvider", "tools_of"]

_JSON: Final = {"content-type": "application/json"}
_FINAL: Final = ("good", "good", "good", "length", "empty", "refused", "filtered")
"""How the last answer of a conversation is, by its number."""


def tools_of(number: int) -> list[str]:
    """Return the tools that the model calls in a conversation, in order: the steady server's, and one of another."""
    return [f"book_{SERVERS[0]}", f"book_{SERVERS[1 + number % 4]}"]


@dataclass
class HostileProvider:
    """Answers chat completions.

    Attributes:
        final: How the last answer of each conversation was.
        failures: How often it has failed a request, by kind.
    """

    final: dict[int, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    _asked: Counter[tuple[int, int]] = field(default_factory=Counter)

    def answer(self, post: Post) -> Answer:
        """Fail the first attempt of each request, each in another way; then call the next tool, or end."""
        messages = json.loads(post.body)["messages"]
        numbers = re.findall(r"Conversation (\d+):", json.dumps(messages))
        number, turn = int(numbers[0]), sum(map(_is_booking, messages))
        self._asked[number, turn] += 1
        if self._asked[number, turn] == 1:
            return self._failure(number + turn)
        tools = tools_of(number)
        if turn < len(tools):
            return _completion(calls=[(tools[turn], json.dumps({"item": f"{number}-{turn}"}))])
        self.final[number] = how = _FINAL[number % len(_FINAL)]
        return {
            "good": _completion(f"Booked all of conversation {number}."),
            "length": _completion("The contract says that the ten", reason="length"),
            "empty": _completion(""),
            "refused": Answer(400, _JSON, b'{"error": {"message": "this is no valid request", "code": "invalid"}}'),
            "filtered": _completion("", reason="content_filter"),
        }[how]

    def _failure(self, number: int) -> Answer:
        kinds = {
            "429 with a time": Answer(429, {**_JSON, "retry-after": "1"}, b'{"error": {"message": "slow down"}}'),
            "429": Answer(429, _JSON, b'{"error": {"message": "slow down"}}'),
            "500": Answer(500, {"content-type": "text/html"}, b"<html>oops</html>"),
            "503": Answer(503, {}, b""),
            "529": Answer(529, _JSON, b'{"type": "error", "error": {"type": "overloaded_error"}}'),
            "no answer": Answer(None),
            "no JSON": Answer(200, _JSON, b"{'id': 1"),
            "no completion": Answer(200, _JSON, b'{"hello": "world"}'),
            "an error with 200": Answer(200, _JSON, b'{"error": {"code": 502, "message": "Provider returned error"}}'),
            "unknown tool": _completion(calls=[("destroy", "{}")]),
            "broken arguments": _completion(calls=[(f"book_{SERVERS[0]}", '{"item": "0')]),
        }
        kind = sorted(kinds)[number % len(kinds)]
        self.failures[kind] += 1
        return kinds[kind]


def _is_booking(message: dict[str, Any]) -> bool:
    """Return whether the model called a tool that exists, with arguments that can be read."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return any(it["name"].startswith("book_") and "item" in json.loads(it["arguments"]) for it in functions)


def _completion(text: str | None = None, *, calls: list[tuple[str, str]] | None = None, reason: str = "stop") -> Answer:
    message: dict[str, Any] = {"content": text}
    if calls:
        functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function", "function": it} for number, it in enumerate(functions)
        ]
        reason = "tool_calls"
    return Answer(200, _JSON, json.dumps(chat_completion(message, reason)).encode())

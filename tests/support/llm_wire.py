"""What providers answer, as JSON or as the events of a stream, in the protocol of the path that was asked."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Spoken", "answer", "torn"]


@dataclass(frozen=True)
class Spoken:
    """What the model says, whatever the protocol.

    Attributes:
        tool: It wants this tool instead of saying anything.
        arguments: JSON, or what pretends to be.
        refusal: It says that it will not.
        filtered: The provider cut its answer off.
        failed: The provider gave up after it had said that all was well (status 200).
    """

    text: str = "hello"
    tool: str | None = None
    arguments: str = "{}"
    refusal: str | None = None
    filtered: bool = False
    failed: bool = False


def answer(path: str, asked: Mapping[str, Any], spoken: Spoken) -> str:
    protocols: dict[str, Callable[[Mapping[str, Any], Spoken], str]] = {
        "messages": _anthropic,
        "responses": _responses,
        "completions": _chat,
        "generateContent": _google,
    }
    return protocols[re.split("[/:]", path.split("?", maxsplit=1)[0])[-1]](asked, spoken)


def torn(path: str, asked: Mapping[str, Any]) -> bool:
    """Tell whether a call of a tool is not followed by its result: every provider refuses such a conversation."""
    waiting: set[str] = set()
    for calls, results in map(_calls_and_results, _turns(path, asked)):
        waiting -= results
        if waiting and not results:
            return True
        waiting |= calls
    return bool(waiting)


def _turns(path: str, asked: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Split a request into its turns, each a list of parts."""
    if path.endswith("/responses"):
        yield from ([item] for item in asked["input"])
        return
    if "contents" in asked:
        yield from (content["parts"] for content in asked["contents"])
        return
    for message in asked["messages"]:
        blocks = message["content"] if isinstance(message["content"], list) else []
        yield [message, *(message.get("tool_calls") or ()), *blocks]


def _calls_and_results(parts: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the ids of the calls in these parts, and of those whose results they are, whatever the protocol."""
    calls, results = set(), set()
    for part in parts:
        match part:
            case {"type": "function" | "tool_use", "id": call} | {"type": "function_call", "call_id": call}:
                calls.add(call)
            case {"functionCall": {"id": call}}:
                calls.add(call)
            case {"tool_call_id": call} | {"tool_use_id": call} | {"type": "function_call_output", "call_id": call}:
                results.add(call)
            case {"functionResponse": {"id": call}}:
                results.add(call)
    return calls, results


def _chat(asked: Mapping[str, Any], spoken: Spoken) -> str:
    if spoken.failed:
        return json.dumps({"error": {"code": 502, "message": "Provider returned error"}})
    message: dict[str, Any] = {"role": "assistant", "content": spoken.text, "refusal": spoken.refusal}
    reason = "stop"
    if spoken.tool:
        function = {"name": spoken.tool, "arguments": spoken.arguments}
        message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        reason = "tool_calls"
    if spoken.filtered or spoken.refusal:
        message["content"] = None
    if spoken.filtered:
        reason = "content_filter"
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        }
    )


def _responses(asked: Mapping[str, Any], spoken: Spoken) -> str:
    part: dict[str, Any] = {"type": "output_text", "text": spoken.text, "annotations": []}
    if spoken.refusal:
        part = {"type": "refusal", "refusal": spoken.refusal}
    item: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    item["content"] = [part]
    if spoken.tool:
        item = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed"}
        item |= {"name": spoken.tool, "arguments": spoken.arguments}
    status = "failed" if spoken.failed else "incomplete" if spoken.filtered else "completed"
    return json.dumps(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": asked["model"],
            "status": status,
            "error": {"code": "server_error", "message": "Something broke"} if spoken.failed else None,
            "incomplete_details": {"reason": "content_filter"} if spoken.filtered else None,
            "output": [] if spoken.failed or spoken.filtered else [item],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 11,
                "output_tokens": 3,
                "total_tokens": 14,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0},
            },
        }
    )


def _google(_: Mapping[str, Any], spoken: Spoken) -> str:
    part: dict[str, Any] = {"text": spoken.refusal or spoken.text}
    if spoken.tool:
        part = {"functionCall": {"id": "call_1", "name": spoken.tool, "args": json.loads(spoken.arguments)}}
    filtered = spoken.filtered or spoken.refusal
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return json.dumps(
        {
            "candidates": [{"finishReason": "SAFETY", "index": 0} if filtered else candidate],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 3, "totalTokenCount": 14},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "resp_1",
        }
    )


def _anthropic(asked: Mapping[str, Any], spoken: Spoken) -> str:
    """Answer whole, or as the events of a stream: Anthropic's SDK asks for one where answers may be long."""
    reason = "refusal" if spoken.filtered or spoken.refusal else "tool_use" if spoken.tool else "end_turn"
    text = spoken.refusal or spoken.text
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [] if spoken.filtered else [{"type": "text", "text": text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 3},
    }
    if spoken.tool:
        message["content"] = [
            {"type": "tool_use", "id": "call_1", "name": spoken.tool, "input": json.loads(spoken.arguments)}
        ]
    if not asked.get("stream"):
        return json.dumps(message)
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events(message, spoken))


def _events(message: Mapping[str, Any], spoken: Spoken) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    if spoken.failed:
        yield {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return
    for part in message["content"]:
        if part["type"] == "text":
            block, delta = {**part, "text": ""}, {"type": "text_delta", "text": part["text"]}
        else:
            block, delta = (
                {**part, "input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(part["input"])},
            )
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 3}}
    yield {"type": "message_stop"}

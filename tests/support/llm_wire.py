"""Encoding of a model's output in the protocol of each provider, as JSON or as the events of a stream."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ModelOutput", "chat_completion", "encode", "lacks_results"]


@dataclass(frozen=True)
class ModelOutput:
    """The output of a model, independent of the protocol.

    Attributes:
        tool: The tool that it calls instead of answering with text.
        arguments: The arguments of the call, as JSON or broken JSON.
        refusal: The text with which it refuses.
        filtered: Whether the provider's content filter stopped it.
        failed: Whether the provider failed after it had sent status 200.
        cut_off: Whether the limit of tokens was reached.
    """

    text: str = "hello"
    tool: str | None = None
    arguments: str = "{}"
    refusal: str | None = None
    filtered: bool = False
    failed: bool = False
    cut_off: bool = False


def encode(path: str, request: Mapping[str, Any], output: ModelOutput) -> str:
    protocols: dict[str, Callable[[Mapping[str, Any], ModelOutput], str]] = {
        "messages": _anthropic,
        "responses": _responses,
        "completions": _chat,
        "generateContent": _google,
    }
    return protocols[re.split("[/:]", path.split("?", maxsplit=1)[0])[-1]](request, output)


def chat_completion(
    message: Mapping[str, Any], reason: Any, *, model: str = "m", usage: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a response of OpenAI's chat completions with this message of the assistant."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}],
        "usage": usage or {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }


def lacks_results(path: str, request: Mapping[str, Any]) -> bool:
    """Return whether a tool call is not followed by its result: every provider refuses such a conversation."""
    waiting: set[str] = set()
    for calls, results in map(_calls_and_results, _turns(path, request)):
        waiting -= results
        if waiting and not results:
            return True
        waiting |= calls
    return bool(waiting)


def _turns(path: str, request: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Split a request into its turns, each a list of parts."""
    if path.endswith("/responses"):
        yield from ([item] for item in request["input"])
        return
    if "contents" in request:
        yield from (content["parts"] for content in request["contents"])
        return
    for message in request["messages"]:
        blocks = message["content"] if isinstance(message["content"], list) else []
        yield [message, *(message.get("tool_calls") or ()), *blocks]


def _calls_and_results(parts: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the ids of the calls and of the results in these parts, in any protocol."""
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


def _chat(request: Mapping[str, Any], output: ModelOutput) -> str:
    if output.failed:
        return json.dumps({"error": {"code": 502, "message": "Provider returned error"}})
    message: dict[str, Any] = {"content": output.text, "refusal": output.refusal}
    reason = "stop"
    if output.tool:
        function = {"name": output.tool, "arguments": output.arguments}
        message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        reason = "tool_calls"
    if output.filtered or output.refusal:
        message["content"] = None
    if output.filtered:
        reason = "content_filter"
    if output.cut_off:
        reason = "length"
    return json.dumps(chat_completion(message, reason, model=request["model"]))


def _responses(request: Mapping[str, Any], output: ModelOutput) -> str:
    part: dict[str, Any] = {"type": "output_text", "text": output.text, "annotations": []}
    if output.refusal:
        part = {"type": "refusal", "refusal": output.refusal}
    item: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    item["content"] = [part]
    if output.tool:
        item = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed"}
        item |= {"name": output.tool, "arguments": output.arguments}
    incomplete = "content_filter" if output.filtered else "max_output_tokens" if output.cut_off else None
    status = "failed" if output.failed else "incomplete" if incomplete else "completed"
    return json.dumps(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": request["model"],
            "status": status,
            "error": {"code": "server_error", "message": "Something broke"} if output.failed else None,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "output": [] if output.failed or output.filtered else [item],
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


def _google(_: Mapping[str, Any], output: ModelOutput) -> str:
    part: dict[str, Any] = {"text": output.refusal or output.text}
    if output.tool:
        part = {"functionCall": {"id": "call_1", "name": output.tool, "args": json.loads(output.arguments)}}
    filtered = output.filtered or output.refusal
    reason = "MAX_TOKENS" if output.cut_off else "STOP"
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": reason, "index": 0}
    return json.dumps(
        {
            "candidates": [{"finishReason": "SAFETY", "index": 0} if filtered else candidate],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 3, "totalTokenCount": 14},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "resp_1",
        }
    )


def _anthropic(request: Mapping[str, Any], output: ModelOutput) -> str:
    """Return JSON, or a stream of events, which Anthropic's SDK requests where responses may be long."""
    reason = "refusal" if output.filtered or output.refusal else "tool_use" if output.tool else "end_turn"
    if output.cut_off:
        reason = "max_tokens"
    text = output.refusal or output.text
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [] if output.filtered else [{"type": "text", "text": text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 3},
    }
    if output.tool:
        message["content"] = [
            {"type": "tool_use", "id": "call_1", "name": output.tool, "input": json.loads(output.arguments)}
        ]
    if not request.get("stream"):
        return json.dumps(message)
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events(message, output))


def _events(message: Mapping[str, Any], output: ModelOutput) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    if output.failed:
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

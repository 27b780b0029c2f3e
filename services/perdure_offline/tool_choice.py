"""Chooses tool calls: only tools that the prompt names, with the arguments that it gives."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from perdure_offline.conversation import Conversation
from perdure_offline.task import read_assignment

__all__ = ["choose_tools"]


def choose_tools(conversation: Conversation, tools: Sequence[ToolDefinition]) -> list[ToolCallPart]:
    """Return the calls that the prompt spells out: a tool's name, followed by a JSON object.

    Both count only in the instruction. The text to work on is data: its author must not be able to call tools.
    """
    if conversation.tool_results:
        return []
    return [
        ToolCallPart(name, arguments, tool_call_id=f"offline-{conversation.turn}-{index}")
        for index, (name, arguments) in enumerate(_explicit_calls(conversation, tools))
    ]


def _explicit_calls(
    conversation: Conversation, tools: Sequence[ToolDefinition]
) -> Iterator[tuple[str, dict[str, Any]]]:
    assignment = read_assignment(conversation.instruction, conversation.prompt)
    for tool in tools:
        named = re.search(rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])", assignment.opening)
        arguments = _arguments(assignment.opening[named.end() :], assignment.text) if named else None
        if arguments is not None:
            yield tool.name, arguments


def _arguments(after_name: str, text: str) -> dict[str, Any] | None:
    """Return the object after the name, or the whole text as one: ``Call read_file with:`` and a line of JSON."""
    _, brace, rest = after_name.partition("{")
    return _object(brace + rest) if brace else _object(text.strip())


def _object(text: str) -> dict[str, Any] | None:
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply for the parser
        return None
    return found if isinstance(found, dict) else None

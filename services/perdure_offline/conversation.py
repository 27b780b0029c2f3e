"""Reads a message history: the instruction, the prompt and the tool results that the offline model works on."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai.messages import (
    InstructionPart,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

__all__ = ["Conversation", "read_conversation", "text_of"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the offline model needs of a message history.

    Attributes:
        prompt: The last user prompt.
        tool_results: What tools have returned since then.
        turn: The number of earlier model responses.
        words: The number of words in the whole request.
    """

    instruction: str
    prompt: str
    tool_results: tuple[str, ...]
    turn: int
    words: int


def read_conversation(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Conversation:
    """Read a history as an agent or ``pydantic_ai.direct`` sends it."""
    instruction = _instruction(messages, parameters)
    requests = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
    prompt_at = max((at for at, part in enumerate(requests) if isinstance(part, UserPromptPart)), default=0)
    return Conversation(
        instruction="\n\n".join([instruction, *_texts(requests, SystemPromptPart)]).strip(),
        prompt="".join(_texts(requests[prompt_at : prompt_at + 1], UserPromptPart)),
        tool_results=tuple(_texts(requests[prompt_at:], ToolReturnPart)),
        turn=sum(isinstance(message, ModelResponse) for message in messages),
        words=len(instruction.split()) + sum(len(text_of(part).split()) for each in messages for part in each.parts),
    )


def _instruction(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> str:
    if parameters.instruction_parts is not None:
        return InstructionPart.join(parameters.instruction_parts) or ""
    requests = (message for message in reversed(messages) if isinstance(message, ModelRequest))
    return next((request.instructions for request in requests if request.instructions), "")


def _texts(parts: Sequence[ModelRequestPart], kind: type[ModelRequestPart]) -> list[str]:
    # A tool's error about its arguments ("retried") is not a result.
    return [text_of(part) for part in parts if isinstance(part, kind) and getattr(part, "outcome", "") != "retried"]


def text_of(part: ModelRequestPart | ModelResponsePart) -> str:
    """Return the text of a message part; empty for pictures and other binary parts."""
    match part:
        case UserPromptPart():
            return _user_text(part.content)
        case SystemPromptPart() | TextPart():
            return part.content
        case ToolReturnPart():
            return part.model_response_str()
        case ToolCallPart():
            return part.args_as_json_str()
        case _:
            return ""


def _user_text(content: str | Sequence[UserContent]) -> str:
    if isinstance(content, str):
        return content
    texts = (item.content if isinstance(item, TextContent) else item for item in content)
    return "\n\n".join(text for text in texts if isinstance(text, str))

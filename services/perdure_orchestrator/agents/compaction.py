"""Shorter versions of a conversation that is too long for its model. Pure: the same one gives the same versions.

A tool's text keeps its beginning and its end. Then the oldest goes first: whole turns, and in the last turn tool calls,
each with its result, since providers refuse one without the other. The prompt of the last turn stays whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ToolReturnPart,
    UserPromptPart,
)

from perdure.flow.files import StoredFile

__all__ = ["LEFT_OUT", "Compaction", "compact", "compactions", "size"]

LEFT_OUT: Final = "(Earlier messages were left out here: the conversation was too long.)"

_PARTS: Final = (2, 4, 8, 32, 128, 512, 2048)  # of the whole: so many requests may be refused until one fits
_SHARE: Final = 4  # of what may remain, one text gets this part while older messages can be left out
_SHORTEST: Final = 500  # characters of a tool's text


@dataclass(frozen=True, slots=True)
class Compaction:
    """A shorter conversation.

    Attributes:
        left_out: How many messages it lacks.
        shortened: How many results of tools it has only in part.
    """

    messages: tuple[ModelMessage, ...]
    left_out: int
    shortened: int

    def note(self, agent: str, before: int) -> str:
        """Return the note about an answer to this in place of a conversation of so many messages."""
        parts = [f"messages left out: {self.left_out} of {before}"] if self.left_out else []
        parts += [f"results of tools shortened: {self.shortened}"] if self.shortened else []
        return f"The conversation of {agent} was too long for its model; {', '.join(parts)}"


def compactions(messages: Sequence[ModelMessage]) -> Iterator[Compaction]:
    """Yield ever shorter versions, at most seven, down to what must not be left out."""
    whole = last = size(messages)
    for part in _PARTS:
        shorter = compact(messages, whole // part)
        if (now := size(shorter.messages)) < last:
            yield shorter
            last = now


def compact(messages: Sequence[ModelMessage], most: int) -> Compaction:
    """Return a version of at most so many bytes, or the shortest that there is."""
    limit = max(most // _SHARE, _SHORTEST)
    kept = _without_oldest(_shortened(messages, limit), most)
    while size(kept) > most and limit > _SHORTEST:
        limit = max(limit // 2, _SHORTEST)
        kept = _without_oldest(_shortened(messages, limit), most)
    whole = {id(part) for message in messages for part in message.parts}
    results = [part for message in kept for part in message.parts if isinstance(part, ToolReturnPart)]
    left_out = len(messages) - len(kept)
    kept = [_marked(kept[0]), *kept[1:]] if left_out else kept
    return Compaction(tuple(kept), left_out, sum(id(part) not in whole for part in results))


def size(messages: Sequence[ModelMessage]) -> int:
    """Return the bytes of JSON that messages take, and those of the files that they name."""
    return len(ModelMessagesTypeAdapter.dump_json([*messages])) + sum(map(_file_bytes, messages))


def _file_bytes(message: ModelMessage) -> int:
    contents = [part.content for part in message.parts if isinstance(part, ToolReturnPart)]
    items = [item for content in contents if isinstance(content, list) for item in content]
    return sum(StoredFile.model_validate(item).size for item in items if isinstance(item, dict))


def _without_oldest(messages: list[ModelMessage], most: int) -> list[ModelMessage]:
    sizes = [size([message]) for message in messages]
    while sum(sizes) > most and (found := _oldest(messages)):
        begin, end = found
        del messages[begin:end], sizes[begin:end]
        if begin == 0:
            messages[0] = _without_results(messages[0])
            sizes[0] = size([messages[0]])
    return messages


def _oldest(messages: Sequence[ModelMessage]) -> tuple[int, int] | None:
    """Return which messages to leave out next: the first turn, or the first call of the last one."""
    turns = [number for number, message in enumerate(messages) if _begins_turn(message)]
    if len(turns) > 1:
        return 0, turns[1]
    calls = [number for number, message in enumerate(messages) if isinstance(message, ModelResponse)]
    return (calls[0], calls[1]) if len(calls) > 1 else None


def _begins_turn(message: ModelMessage) -> bool:
    """Return whether a message has a prompt of the author; what else users say are pictures of tools."""
    return isinstance(message, ModelRequest) and any(
        isinstance(part, UserPromptPart) and isinstance(part.content, str) and part.content != LEFT_OUT
        for part in message.parts
    )


def _without_results(message: ModelMessage) -> ModelMessage:
    """Return the first message of a turn without the results of calls that were left out."""
    prompts = [part for part in message.parts if isinstance(part, UserPromptPart) and isinstance(part.content, str)]
    return replace(message, parts=prompts) if isinstance(message, ModelRequest) else message


def _marked(message: ModelMessage) -> ModelMessage:
    """Return the first message with a line that says that there were others."""
    if not isinstance(message, ModelRequest):
        return message
    parts = [part for part in message.parts if getattr(part, "content", None) != LEFT_OUT]
    times = [part.timestamp for part in parts if isinstance(part, UserPromptPart)]
    return replace(message, parts=[*parts, UserPromptPart(LEFT_OUT, timestamp=times[-1])])


def _shortened(messages: Sequence[ModelMessage], limit: int) -> list[ModelMessage]:
    return [
        replace(message, parts=[_shortened_part(part, limit) for part in message.parts])
        if isinstance(message, ModelRequest)
        else message
        for message in messages
    ]


def _shortened_part(part: ModelRequestPart, limit: int) -> ModelRequestPart:
    """Return a tool's result with less in it; any other part as it is."""
    if isinstance(part, ToolReturnPart) and isinstance(part.content, str):
        text = _shortened_item(part.content, limit)
        return part if text is part.content else replace(part, content=text)
    if not isinstance(part, ToolReturnPart) or not isinstance(part.content, list):
        return part
    items = [_shortened_item(item, limit) for item in part.content]
    same = all(one is other for one, other in zip(part.content, items, strict=True))
    return part if same else cast("ModelRequestPart", replace(cast("Any", part), content=items))


def _shortened_item(item: Any, limit: int) -> Any:
    if isinstance(item, dict):  # the name of a file: a request carries its bytes
        file = StoredFile.model_validate(item)
        return f"[{file.description} left out, stored as {file.stored_as}]" if file.size > limit else item
    if not isinstance(item, str) or len(item) <= limit:
        return item
    head, tail = limit * 2 // 3, limit // 3
    return f"{item[:head]}\n[… {len(item) - head - tail:,} characters left out …]\n{item[-tail:]}"

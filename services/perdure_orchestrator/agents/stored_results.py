"""Results of tools that only a model reads: the run's history has the names of long texts and files, no content."""

from __future__ import annotations

from typing import Final

from perdure.flow.messages import ToolResult
from perdure.values.size_text import size_text
from perdure_orchestrator.agents.conversations import MAX_CARRIED_BYTES, Conversations

__all__ = ["load_result", "store_result"]

_SHORT_REASON: Final = 2_000  # characters of a long error that the run itself reads
_END: Final = 4  # the end gets a fourth of what a cut text shows, because errors often stand there


async def store_result(result: ToolResult, conversations: Conversations) -> ToolResult:
    """Store what is long and only a model reads; a program gets its result whole.

    Raises:
        Unavailable: NATS does not accept it now.
    """
    if not result.call_id:
        return result
    for file in result.files:
        await conversations.store_bytes(file.data)
    short = result.model_copy(update={"other": (), "structured": None})
    if len(result.text.encode()) <= MAX_CARRIED_BYTES:
        return short
    stored_as = await conversations.store_text(result.text)
    shown = result.text[:_SHORT_REASON] if result.is_error else ""
    return short.model_copy(update={"text": shown, "stored_as": stored_as})


async def load_result(result: ToolResult, conversations: Conversations, most_bytes: int) -> ToolResult:
    """Return a result with its text, cut if that has more bytes, with a note of how much is left out.

    Raises:
        NotKept: The text is no longer stored.
        Unavailable: NATS does not return it now.
    """
    if result.stored_as is None:
        return result
    text = await conversations.load_text(result.stored_as)
    return result.model_copy(update={"text": _cut(text.encode(), most_bytes, result.stored_as)})


def _cut(text: bytes, most_bytes: int, name: str) -> str:
    left_out = len(text) - most_bytes
    if left_out <= 0:
        return text.decode()
    end = most_bytes // _END
    first, last = (part.decode(errors="ignore") for part in (text[: most_bytes - end], text[-end:]))
    note = f"{size_text(left_out)} of {size_text(len(text))} are left out here; ask for less to see them"
    return f"{first}\n\n(cut: {note}. The whole is stored as {name}.)\n\n{last}"

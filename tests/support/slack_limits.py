"""What Slack refuses of a message, from its documentation."""

from collections.abc import Iterator
from typing import Any, Final

__all__ = ["limit_error"]

_TEXT: Final = {"chat.postMessage": 40_000, "chat.update": 4_000}
"""Characters: https://docs.slack.dev/reference/methods/chat.update, "msg_too_long"."""
_BLOCKS: Final = 50
_HEADER: Final = 150
_SECTION: Final = 3_000
_VALUE: Final = 2_000
"""Characters of a button's value: https://docs.slack.dev/reference/block-kit/block-elements/button-element."""


def limit_error(method: str, arguments: dict[str, Any]) -> str | None:
    """Return the error code for a call that breaks a limit of Slack; None if Slack takes it."""
    if method not in _TEXT:
        return None
    if len(arguments["text"]) > _TEXT[method]:
        return "msg_too_long"
    blocks = arguments["blocks"]
    if len(blocks) > _BLOCKS or not all(_fits(block) for block in blocks):
        return "invalid_blocks"
    return None


def _fits(block: dict[str, Any]) -> bool:
    longest = _HEADER if block["type"] == "header" else _SECTION
    texts = [it["text"] for it in _texts(block)]
    values = [it["value"] for it in block.get("elements", []) if "value" in it]
    return all(text.strip() and len(text) <= longest for text in texts) and all(len(it) <= _VALUE for it in values)


def _texts(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for it in [block, *block.get("elements", [])]:
        if isinstance(it.get("text"), str):
            yield it
        elif "text" in it:
            yield it["text"]

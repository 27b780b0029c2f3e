"""How text is put before people in Slack: ours may have marks, what others wrote is shown as it was written.

Source of the limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from perdure.values.printable import as_text, printable

__all__ = ["Block", "Part", "context", "header", "literal", "marked", "shown"]

_TITLE: Final = 150  # characters, as all limits here
_SECTION: Final = 3_000
_BREAK: Final = "\u200b"  # a zero-width space: Slack has no way to escape a mark
_FENCE: Final = "```"

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a question.

    Attributes:
        whole: Whether nothing was cut off.
    """

    block: Block
    whole: bool = True


def header(text: str) -> Part:
    """Show one line, large."""
    written = printable(text)
    return Part({"type": "header", "text": _plain(_cut(written, _TITLE))}, len(written) <= _TITLE)


def shown(value: JsonValue) -> Part:
    """Show prose as it is, data and diffs as they were written."""
    text = as_text(value)
    if isinstance(value, str) and not text.startswith(("--- ", "diff ", "@@ ")):
        return Part(_section(_plain(_cut(text, _SECTION))), len(text) <= _SECTION)
    code, room = re.sub("`(?=`)", f"`{_BREAK}", _escaped(text)), _SECTION - 2 * len(f"{_FENCE}\n")
    return Part(marked(f"{_FENCE}\n{_cut(code, room)}\n{_FENCE}"), len(code) <= room)


def marked(text: str) -> Block:
    """Show text of ours, with marks; what others wrote is in it by ``literal`` alone."""
    return _section(_mrkdwn(text))


def context(text: str, ours: str = "") -> Block:
    """Show, small, what others wrote, and behind it text of ours, with marks."""
    elements = [_plain(_cut(printable(text), _SECTION))]
    return {"type": "context", "elements": [*elements, *([_mrkdwn(ours)] if ours else [])]}


def literal(text: str) -> str:
    """Write what others wrote into text that has marks, so that theirs are none."""
    return re.sub(r"[*_~`]", rf"\g<0>{_BREAK}", _escaped(printable(text)))


def _escaped(text: str) -> str:
    """By https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: Block) -> Block:
    return {"type": "section", "text": text, "expand": True}  # nothing is folded away above the buttons


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}  # nothing in it is a mark or a mention


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": _cut(text, _SECTION)}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2]} …"

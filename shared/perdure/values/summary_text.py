"""One line of text that Temporal's own page shows of a run, a step or a timer."""

from typing import Final

__all__ = ["fit_summary"]

_LONGEST: Final = 180
"""Bytes. Temporal's limit is 400 (``limit.userMetadataSummarySize``), JSON and a codec included; it refuses longer."""


def fit_summary(text: str) -> str:
    """Return the text as one line that Temporal takes; of a long one, the beginning."""
    return " ".join(text.split()).encode()[:_LONGEST].decode(errors="ignore")

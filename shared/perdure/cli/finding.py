"""One check of ``perdure doctor`` and its result."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result.

    Attributes:
        what: What was checked.
        good: Whether it is as it should be.
        detail: What was found and, if it is not good, what to do.
    """

    what: str
    good: bool
    detail: str

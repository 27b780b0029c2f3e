"""Suggests the nearest known name for an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str], *, stop: str = "") -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, or all of them.

    Args:
        name: The unknown name.
        known: The known names.
        stop: What ends the sentence if it is no question.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f": did you mean {near[0]}?" if near else f"; there are: {', '.join(names) or 'none'}{stop}"

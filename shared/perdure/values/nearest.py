"""A wrong name is answered with the nearest right one."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """End a sentence about a name that nobody knows: with the nearest one, or with all there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f": did you mean {near[0]}?" if near else f"; there are: {', '.join(names) or 'none'}"

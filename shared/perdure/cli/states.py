"""``--state``: the states of a run."""

from typing import Final, get_args

import typer

from perdure.values.nearest import nearest
from perdure.values.progress_kind import ENDINGS, ProgressKind

__all__ = ["KNOWN_STATES", "kinds_of_state", "read_state"]

KNOWN_STATES: Final = ("open", *get_args(ProgressKind))
"""``open``, or the kind of a run's newest fact."""


def read_state(text: str | None) -> str | None:
    """Return a state as it is, or None if none is given.

    Raises:
        typer.BadParameter: There is no such state.
    """
    if text is not None and text not in KNOWN_STATES:
        raise typer.BadParameter(f"there is no state {text}{nearest(text, KNOWN_STATES)}")
    return text


def kinds_of_state(state: str | None) -> tuple[str, ...]:
    """Return the kinds of the facts that report a state; none without one."""
    if state == "open":
        return tuple(kind for kind in get_args(ProgressKind) if kind not in ENDINGS)
    return () if state is None else (state,)

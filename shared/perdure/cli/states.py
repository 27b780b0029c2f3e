"""``--state``: the states of a run."""

from collections.abc import Sequence
from typing import Final, get_args

import typer

from perdure.values.nearest import nearest
from perdure.values.progress_kind import ENDINGS, ProgressKind

__all__ = ["kinds_of_state", "read_run_state", "read_state"]

_OF_FACTS: Final = ("open", *get_args(ProgressKind))
"""``open``, or the kind of a run's newest fact."""


def read_state(text: str | None) -> str | None:
    """Return a state that a fact can report as it is, or None if none is given.

    Raises:
        typer.BadParameter: There is no such state.
    """
    return _known(text, _OF_FACTS)


def read_run_state(text: str | None) -> str | None:
    """Return a state of a run as it is, or None if none is given: one that a fact can report, or ``stuck``.

    Raises:
        typer.BadParameter: There is no such state.
    """
    return _known(text, (*_OF_FACTS, "stuck"))


def _known(text: str | None, states: Sequence[str]) -> str | None:
    if text is not None and text not in states:
        raise typer.BadParameter(f"there is no state {text}{nearest(text, states)}")
    return text


def kinds_of_state(state: str | None) -> tuple[str, ...]:
    """Return the kinds of the facts that report a state; none without one."""
    if state == "open":
        return tuple(kind for kind in get_args(ProgressKind) if kind not in ENDINGS)
    return () if state is None else (state,)

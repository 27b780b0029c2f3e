"""Compares the commands that the code has issued with those of the history: where they differ first.

temporalio compares them too, but it names no line, and it does not look for commands that the code issues beyond those
of the last task in the history: a run would get stuck there later. The comparison assumes nothing that temporalio does
not: commands that are cancelled in the task that issues them leave no event, local activities are known by number, and
patches by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from perdure_orchestrator.replay.commands import IssuedCommand, RecordedCommand, RunCommand

__all__ = ["CommandDifference", "command_too_many", "first_difference"]

_LOCAL: Final = "local activity"
_APART: Final = {_LOCAL, "patch"}


@dataclass(frozen=True, slots=True)
class CommandDifference:
    """Where code and history differ.

    Attributes:
        event: The event of the history.
        expected: Its command; None if the history has none where the code issues one.
        issued: What the code issues in its place; None if it issues nothing.
    """

    event: int
    expected: RunCommand | None
    issued: IssuedCommand | None


def first_difference(
    recorded: Sequence[RecordedCommand], issued: Sequence[IssuedCommand], at: int | None = None
) -> CommandDifference | None:
    """Return the first event of the history whose command the code has not issued; None if it has issued all.

    Args:
        recorded: The commands of the history.
        issued: Those of the code, without commands that were cancelled at once.
        at: The event at which temporalio has found a difference, if it names one.
    """
    plain = [it for it in issued if it.command.kind not in _APART]
    numbers = {it.command.seq for it in recorded if it.command.kind == _LOCAL}
    unknown = [it for it in issued if it.command.kind == _LOCAL and it.command.seq not in numbers]
    position = 0
    for known in recorded:
        own = _of_number_or_name(known.command, issued)
        found = own if known.command.kind in _APART else next(iter(plain[position:]), None)
        if known.event == at or (at is None and not _fits(known.command, found)):
            others = [it for it in (found, *plain[position : position + 1], *unknown) if it is not None]
            differing = [it for it in others if not _fits(known.command, it)]
            return CommandDifference(known.event, known.command, min(differing, key=issued.index, default=None))
        position += known.command.kind not in _APART
    return None


def command_too_many(
    recorded: Sequence[RecordedCommand], issued: Sequence[IssuedCommand], last_started: int, last_completed: int
) -> CommandDifference | None:
    """Return the first command beyond those of the last task that the history has as completed.

    Args:
        recorded: The commands of the history.
        issued: Those of the code, without commands that were cancelled at once.
        last_started: The event with which that task started.
        last_completed: The event with which it completed.
    """
    kept = [it for it in recorded if it.command.kind not in _APART]
    plain = [it for it in issued if it.command.kind not in _APART and it.known <= last_started]
    return CommandDifference(last_completed, None, plain[len(kept)]) if len(plain) > len(kept) else None


def _of_number_or_name(wanted: RunCommand, issued: Sequence[IssuedCommand]) -> IssuedCommand | None:
    """Return the local activity of the same number, or the patch of the same name."""
    known = ("seq", "kind") if wanted.kind == _LOCAL else ("name", "kind")
    alike = (it for it in issued if all(getattr(it.command, key) == getattr(wanted, key) for key in known))
    return next(alike, None)


def _fits(wanted: RunCommand, found: IssuedCommand | None) -> bool:
    return found is not None and replace(found.command, seq=None) == replace(wanted, seq=None)

"""Compares the commands that the code has issued with those of the history: where they differ first.

temporalio compares them too, but it names no line, and it does not look for commands that the code issues beyond those
of the last task in the history: a run would get stuck there later. The comparison assumes nothing that temporalio does
not: commands that are cancelled in the task that issues them leave no event, local activities are known by number, and
patches by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from perdure_orchestrator.replay.commands import Command, IssuedCommand, RecordedCommand

__all__ = ["Difference", "command_too_many", "first_difference"]

_APART: Final = {"local activity", "patch"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where code and history differ.

    Attributes:
        event: The event of the history.
        expected: Its command; None if the history has none where the code issues one.
        issued: What the code issues in its place; None if it issues nothing.
    """

    event: int
    expected: Command | None
    issued: IssuedCommand | None


def first_difference(
    recorded: Sequence[RecordedCommand], issued: Sequence[IssuedCommand], at: int | None = None
) -> Difference | None:
    """Return the first event of the history whose command the code has not issued; None if it has issued all.

    Args:
        recorded: The commands of the history.
        issued: Those of the code, without commands that were cancelled at once.
        at: The event at which temporalio has found a difference, if it names one.
    """
    plain = [it for it in issued if it.command.kind not in _APART]
    position = 0
    for known in recorded:
        found = _counterpart(known.command, plain, position, issued)
        position += known.command.kind not in _APART
        if known.event == at or (at is None and not _fits(known.command, found)):
            other = found if found is not None and not _fits(known.command, found) else None
            return Difference(
                known.event, known.command, other or _instead(plain, position, known.command, recorded, issued)
            )
    return None


def command_too_many(
    recorded: Sequence[RecordedCommand], issued: Sequence[IssuedCommand], last_started: int, last_completed: int
) -> Difference | None:
    """Return the first command beyond those of the last task that the history has as completed.

    Args:
        recorded: The commands of the history.
        issued: Those of the code, without commands that were cancelled at once.
        last_started: The event with which that task started.
        last_completed: The event with which it completed.
    """
    kept = [it for it in recorded if it.command.kind not in _APART]
    plain = [it for it in issued if it.command.kind not in _APART and it.known <= last_started]
    return Difference(last_completed, None, plain[len(kept)]) if len(plain) > len(kept) else None


def _counterpart(
    wanted: Command, plain: Sequence[IssuedCommand], position: int, issued: Sequence[IssuedCommand]
) -> IssuedCommand | None:
    match wanted.kind:
        case "local activity":
            of_kind = [it for it in issued if it.command.kind == wanted.kind and it.command.seq == wanted.seq]
        case "patch":
            of_kind = [it for it in issued if it.command.kind == wanted.kind and it.command.name == wanted.name]
        case _:
            of_kind = list(plain[position : position + 1])
    return of_kind[0] if of_kind else None


def _fits(wanted: Command, found: IssuedCommand | None) -> bool:
    return found is not None and replace(found.command, seq=None) == replace(wanted, seq=None)


def _instead(
    plain: Sequence[IssuedCommand],
    position: int,
    wanted: Command,
    recorded: Sequence[RecordedCommand],
    issued: Sequence[IssuedCommand],
) -> IssuedCommand | None:
    """Return what the code issues where the history has a command that it does not issue."""
    if wanted.kind in _APART and len(plain) > position:
        return plain[position]
    kept = {it.command.seq for it in recorded if it.command.kind == "local activity"}
    extra = [it for it in issued if it.command.kind == "local activity" and it.command.seq not in kept]
    return extra[0] if extra else None

"""Says why a run does not replay: the event of its history, the author's line, and a sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.api.history.v1 import HistoryEvent

from perdure_orchestrator.replay.commands import IssuedCommand, recorded_commands
from perdure_orchestrator.replay.difference import CommandDifference, command_too_many, first_difference
from perdure_orchestrator.replay.recorder import ReplayRecorder
from perdure_orchestrator.replay.resolved import is_unreadable, resolved_command
from perdure_orchestrator.replay.words import in_words, is_of_perdure
from perdure_orchestrator.task_failure import TaskFailure, read_failure

__all__ = ["ReplayFinding", "finding_of", "standstill"]

_EVENT: Final = re.compile(r"HistoryEvent\(id: (\d+)")
_DIFFERS: Final = "NONDETERMINISM"
_DEADLOCK: Final = "_DeadlockError"  # temporalio's, of code that blocks


@dataclass(frozen=True, slots=True)
class ReplayFinding:
    """Why a run does not replay; see ``RunReplay``."""

    event: int | None
    line: str | None
    sentence: str


def finding_of(events: Sequence[HistoryEvent], recorder: ReplayRecorder) -> ReplayFinding | None:
    """Return why the run that was recorded does not replay; None if it does."""
    reason, text = recorder.left or (None, "")
    recorded, issued = list(recorded_commands(events)), recorder.issued()
    if reason is None:
        extra = command_too_many(recorded, issued, *_last_task(events))
        return None if extra is None else _differs(extra, recorder)
    named = _EVENT.search(text) if reason == _DIFFERS else None
    difference = first_difference(recorded, issued, at=int(named[1]) if named else None)
    # An error may come of a difference: the result of another step is not what the code expects.
    if difference is not None and (reason == _DIFFERS or difference.issued is not None):
        return _differs(difference, recorder)
    return _failed(events, issued, read_failure(reason, text), recorder)


def standstill(events: Sequence[HistoryEvent], recorder: ReplayRecorder) -> ReplayFinding:
    """Return why a replay does not go on, which temporalio does not notice."""
    if recorder.is_busy:
        return _never_returns(recorder.executes_at() or recorder.waits_at)
    difference = first_difference(list(recorded_commands(events)), recorder.issued())
    if difference is not None:
        return _differs(difference, recorder)
    line = recorder.waits_at
    return ReplayFinding(recorder.known, line, f"The code waits{_at(line)} for what its history does not have.")


def _differs(difference: CommandDifference, recorder: ReplayRecorder) -> ReplayFinding:
    issued, expected = difference.issued, difference.expected
    line = recorder.failed_at or (issued.place if issued else None) or recorder.waits_at
    does = f"the code waits{_at(line)}" if issued is None else f"the code has {_words(issued, recorder)}{_at(line)}"
    if expected is None:
        text = f"{does[0].upper()}{does[1:]}, which the history has not (event {difference.event})."
    else:
        text = f"Where the history has {in_words(expected)} (event {difference.event}), {does}."
    return ReplayFinding(difference.event, line, text)


def _words(issued: IssuedCommand, recorder: ReplayRecorder) -> str:
    """Return what the code does; what Perdure does as the run ends is its end."""
    if issued.error:
        return f"a failure ({issued.error})"
    if recorder.has_ended and is_of_perdure(issued.command):
        return f"an error ({recorder.failure})" if recorder.failure else "the end of the run"
    return in_words(issued.command)


def _failed(
    events: Sequence[HistoryEvent], issued: Sequence[IssuedCommand], failure: TaskFailure, recorder: ReplayRecorder
) -> ReplayFinding:
    """Return what an error of the code, or a result that it cannot read, has to do with the history."""
    if failure.kind == _DEADLOCK:
        return _never_returns(failure.place)
    if failure.kind == _DIFFERS:
        text = f"The code differs from the history{_at(recorder.waits_at)}: {_ended(failure.error)}"
        return ReplayFinding(recorder.known, recorder.waits_at, text)
    resolved = resolved_command(events, issued, recorder.job) if is_unreadable(failure) else None
    if resolved is None:
        line = failure.place or recorder.waits_at
        return ReplayFinding(
            recorder.known, line, f"The code fails after event {recorder.known}: {_ended(failure.error)}"
        )
    event, command = resolved
    line = command.place or recorder.waits_at
    what = f"The code cannot read the result of {in_words(command.command)}{_at(line)} (event {event})"
    return ReplayFinding(event, line, f"{what}: {_ended(failure.error)}")


def _never_returns(line: str | None) -> ReplayFinding:
    return ReplayFinding(None, line, f"The code does not return{_at(line)}: its replay was given up.")


def _last_task(events: Sequence[HistoryEvent]) -> tuple[int, int]:
    """Return the events with which the last completed workflow task started and completed."""
    started, last = 0, (0, 0)
    for event in events:
        if event.HasField("workflow_task_started_event_attributes"):
            started = event.event_id
        elif event.HasField("workflow_task_completed_event_attributes"):
            last = started, event.event_id
    return last


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _at(line: str | None) -> str:
    return f" at {line}" if line else ""

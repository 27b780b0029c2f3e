"""The commands of a run, as its code issues them in a replay and as its history has them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from perdure.values.printable import one_line
from perdure_orchestrator.task_failure import with_reason

__all__ = ["IssuedCommand", "RecordedCommand", "RunCommand", "command_of", "error_of", "recorded_commands"]

Kind = Literal["activity", "local activity", "timer", "child run", "signal", "memo", "patch", "operation", "end"]

_EVENTS: Final[dict[str, Kind]] = {
    "activity_task_scheduled": "activity",
    "timer_started": "timer",
    "start_child_workflow_execution_initiated": "child run",
    "signal_external_workflow_execution_initiated": "signal",
    "workflow_properties_modified": "memo",
    "nexus_operation_scheduled": "operation",
    "workflow_execution_completed": "end",
    "workflow_execution_failed": "end",
    "workflow_execution_canceled": "end",
    "workflow_execution_continued_as_new": "end",
}
_COMMANDS: Final[dict[str, Kind]] = {
    "schedule_activity": "activity",
    "schedule_local_activity": "local activity",
    "start_timer": "timer",
    "start_child_workflow_execution": "child run",
    "signal_external_workflow_execution": "signal",
    "modify_workflow_properties": "memo",
    "schedule_nexus_operation": "operation",
    "set_patch_marker": "patch",
    "complete_workflow_execution": "end",
    "fail_workflow_execution": "end",
    "cancel_workflow_execution": "end",
    "continue_as_new_workflow_execution": "end",
}
_ENDS: Final = {"completed": "complete", "failed": "fail", "canceled": "cancel", "continued": "continue"}
_NAMES: Final = ("activity_type", "workflow_type", "signal_name", "operation", "patch_id")


@dataclass(frozen=True, slots=True)
class RunCommand:
    """What a run asks of Temporal.

    Attributes:
        name: Of the activity, workflow, signal, operation or patch; how the run ends; else empty.
        seq: Temporal's number of the command among those of its kind; None in a history that does not hold it.
        id: Of a child run; else empty.
    """

    kind: Kind
    name: str = ""
    seq: int | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class IssuedCommand:
    """A command that the code has issued in a replay.

    Attributes:
        known: Up to this event the history was known to the run.
        place: The author's line that has led to it, as ``orders.py:42``.
        error: Why it fails the run, if it does.
    """

    command: RunCommand
    known: int
    place: str | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """A command that a history holds, by the event that it made."""

    command: RunCommand
    event: int


def command_of(issued: WorkflowCommand) -> RunCommand | None:
    """Read a command; None for one that leaves no event of its own."""
    variant = issued.WhichOneof("variant")
    kind = _COMMANDS.get(variant or "")
    if variant is None or kind is None:
        return None
    fields = getattr(issued, variant)
    name = variant.partition("_")[0] if kind == "end" else _name(fields)
    return RunCommand(kind, name, getattr(fields, "seq", None), _id(kind, fields))


def error_of(issued: WorkflowCommand) -> str:
    """Return why a command fails its run; empty if it does not."""
    failure = issued.fail_workflow_execution.failure
    return one_line(with_reason(failure.message, failure.cause.message))


def recorded_commands(events: Iterable[HistoryEvent]) -> Iterator[RecordedCommand]:
    """Yield the commands of a history."""
    for event in events:
        attribute = event.WhichOneof("attributes") or ""
        fields, name = getattr(event, attribute, None), attribute.removesuffix("_event_attributes")
        if name == "marker_recorded":
            if (command := _marked(fields)) is not None:
                yield RecordedCommand(command, event.event_id)
        elif (kind := _EVENTS.get(name)) is not None:
            end = _ENDS[name.split("_")[2]] if kind == "end" else ""
            yield RecordedCommand(RunCommand(kind, end or _name(fields), id=_id(kind, fields)), event.event_id)


def _marked(fields: object) -> RunCommand | None:
    """Return the patch or local activity that a marker of temporalio's core stands for."""
    details = getattr(fields, "details", {})
    match getattr(fields, "marker_name", ""):
        case "core_patch":
            return RunCommand("patch", str(json.loads(details["patch-data"].payloads[0].data)["id"]))
        case "core_local_activity":
            data = json.loads(details["data"].payloads[0].data)
            return RunCommand("local activity", str(data["activity_type"]), int(data["seq"]))
        case _:
            return None


def _id(kind: Kind, fields: object) -> str:
    return str(getattr(fields, "workflow_id", "")) if kind == "child run" else ""


def _name(fields: object) -> str:
    for field in _NAMES:
        if (value := getattr(fields, field, None)) is not None:
            return str(getattr(value, "name", value))
    return ""

"""Makes a history readable without Perdure: decrypted, and with its large payloads in it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.converter import DataConverter, WorkflowSerializationContext

from perdure.connections.failure_texts import show_texts
from perdure.connections.payload_encryption import is_encrypted, run_of
from perdure.connections.whole_payloads import fetched, is_reference, read_whole
from perdure.encryption import RunBinding, WrongRun

__all__ = ["readable_history"]

Found = TypeVar("Found", bound=Message)


_TWO_RUNS: Final = ("child_workflow_execution_", "start_child_workflow_", "signal_external_workflow_")
"""Events that name another run and hold values for it, or of it."""

_UNCHECKED: Final = "nexus_operation_"
"""Events whose values belong to an operation, or to a run that the history does not name."""


async def readable_history(
    events: Sequence[HistoryEvent], converter: DataConverter, run: RunBinding, *, whole: bool
) -> History:
    """Return a copy of a history without encryption.

    Args:
        events: The history.
        converter: Reads payloads: it has the keys, and the store of large payloads if ``whole``.
        run: Whose history it is. A value of any other run is refused, except where an event names that run.
        whole: Put large payloads into it; otherwise their references stay.

    Raises:
        MissingKey: The key ring has not the key of a value.
        NotKept: A large payload is gone.
        Unavailable: The store does not answer.
        WrongRun: A value was copied from another run, or was changed.
    """
    history = History(events=events)
    for event in history.events:
        for payload in _all_in(event, Payload):
            if is_encrypted(payload) or (whole and is_reference(payload)):
                payload.CopyFrom(await _opened(payload, event, converter, run))
    for failure in _all_in(history, Failure):
        show_texts(failure)
    return history


async def _opened(payload: Payload, event: HistoryEvent, converter: DataConverter, run: RunBinding) -> Payload:
    stored = await fetched(payload, converter) if is_reference(payload) else payload
    kind = event.WhichOneof("attributes") or ""
    if not is_encrypted(stored) or kind.startswith(_UNCHECKED):
        return await read_whole(stored, converter)
    within = run_of(stored) if run_of(stored) == _other_run(event, run) else run
    context = WorkflowSerializationContext(within.namespace, within.workflow_id)
    try:
        return await read_whole(stored, converter.with_context(context))
    except WrongRun as error:
        raise WrongRun(f"Event {event.event_id} of the history of {run.workflow_id}: {error}") from error


def _other_run(event: HistoryEvent, run: RunBinding) -> RunBinding | None:
    """Return the run of which an event is, besides that of its history; None if there is none."""
    kind = event.WhichOneof("attributes") or ""
    if not kind.startswith(_TWO_RUNS):
        return None
    attributes = getattr(event, kind)
    fields = attributes.DESCRIPTOR.fields_by_name
    other = attributes.workflow_execution.workflow_id if "workflow_execution" in fields else attributes.workflow_id
    return RunBinding(attributes.namespace or run.namespace, other)


def _all_in(message: Message, kind: type[Found]) -> Iterator[Found]:
    """Yield all messages of a kind inside of another; search attributes are never encrypted, and Temporal's own."""
    if isinstance(message, SearchAttributes):
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in _messages(field, value):
                if isinstance(inner, kind):
                    yield inner
                if not isinstance(inner, Payload):
                    yield from _all_in(inner, kind)


def _messages(field: Any, value: Any) -> list[Message]:
    if field.message_type.GetOptions().map_entry:
        return [it for it in value.values() if isinstance(it, Message)]
    return list(value) if field.is_repeated else [value]

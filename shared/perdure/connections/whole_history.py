"""Makes a history readable without Perdure: decrypted, and with its large payloads in it."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.converter import DataConverter

from perdure.connections.failure_texts import show_texts
from perdure.connections.payload_encryption import is_encrypted
from perdure.connections.whole_payloads import is_reference, read_whole

__all__ = ["readable_history"]

Found = TypeVar("Found", bound=Message)


async def readable_history(events: Sequence[HistoryEvent], converter: DataConverter, *, whole: bool) -> History:
    """Return a copy of a history without encryption.

    Args:
        events: The history.
        converter: Reads payloads: it has the keys, and the store of large payloads if ``whole``. It is used without a
            context, since a history also holds values of child runs.
        whole: Put large payloads into it; otherwise their references stay.

    Raises:
        MissingKey: The key ring has not the key of a value.
        NotKept: A large payload is gone.
        Unavailable: The store does not answer.
    """
    history = History(events=events)
    for payload in _all_in(history, Payload):
        if is_encrypted(payload) or (whole and is_reference(payload)):
            payload.CopyFrom(await read_whole(payload, converter))
    for failure in _all_in(history, Failure):
        show_texts(failure)
    return history


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

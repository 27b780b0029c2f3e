"""Messages and stack traces of failures as payloads, which a codec encrypts, and back.

temporalio's ``encode_common_attributes`` does the same, but leaves nothing by which people find the line that failed.
"""

from collections.abc import Iterator
from typing import Final

from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, DefaultPayloadConverter, PayloadConverter

from perdure.connections.payload_encryption import is_encrypted
from perdure.connections.whole_payloads import is_reference, read_whole
from perdure.encryption import MissingKey, WrongRun
from perdure.values.author_code import place_in_text

__all__ = ["HIDDEN", "hide_texts", "show_texts", "shown_failure"]

HIDDEN: Final = "The text of this failure is encrypted"

_PLAIN: Final = {MissingKey.__name__, WrongRun.__name__}
_BEGINNINGS: Final = ("A value is encrypted ", "An encrypted value ")
"""Of failures whose text holds no value: without a key nobody could read why a value cannot be read. Classes of authors
may have the same names."""


def hide_texts(failure: Failure, converter: PayloadConverter) -> None:
    """Move the texts of a failure and its causes into payloads; the class and the author's line stay."""
    for one in _chain(failure):
        if _is_hidden(one) or _says_why(one):
            continue
        text = {"message": one.message, "stack_trace": one.stack_trace}  # as temporalio writes and reads it
        one.encoded_attributes.CopyFrom(converter.to_payloads([text])[0])
        place = place_in_text(one.stack_trace)
        one.message = f"{HIDDEN} ({place})" if place else HIDDEN
        one.stack_trace = ""


def show_texts(failure: Failure) -> None:
    """Put the texts back, out of payloads that are decrypted already; a large one that is elsewhere stays there."""
    for one in _chain(failure):
        if (found := _text(one)) is not None:
            one.message, one.stack_trace = found["message"], found["stack_trace"]
            one.ClearField("encoded_attributes")


async def shown_failure(failure: Failure, converter: DataConverter) -> Failure:
    """Return a copy of a failure of a history whose texts are decrypted; what else it holds stays as it is.

    Args:
        failure: The failure.
        converter: That of the client, with the run as its context. Large texts are fetched if it has their store.

    Raises:
        MissingKey: The key ring has not the key.
        NotKept: A large text is gone.
        Unavailable: The store does not answer.
        WrongRun: It was copied from another run.
    """
    copy = Failure()
    copy.CopyFrom(failure)
    if converter.payload_codec is not None:
        for one in _chain(copy):
            text = one.encoded_attributes
            if is_encrypted(text) or (is_reference(text) and converter.external_storage is not None):
                text.CopyFrom(await read_whole(text, converter))
        show_texts(copy)
    return copy


def _is_hidden(failure: Failure) -> bool:
    """Return whether the text was moved; after it was read it stands in both places."""
    if not failure.HasField("encoded_attributes") or not failure.message.startswith(HIDDEN):
        return False
    found = _text(failure)
    return found is None or found["message"] != failure.message


def _says_why(failure: Failure) -> bool:
    return failure.application_failure_info.type in _PLAIN and failure.message.startswith(_BEGINNINGS)


def _text(failure: Failure) -> dict[str, str] | None:
    """Return the texts that were moved, as far as they can be read here."""
    payload = failure.encoded_attributes
    if payload.metadata.get("encoding") != b"json/plain":
        return None
    found: dict[str, str] = DefaultPayloadConverter().from_payloads([payload])[0]
    return found


def _chain(failure: Failure) -> Iterator[Failure]:
    yield failure
    while failure.HasField("cause"):
        failure = failure.cause
        yield failure

"""Messages and stack traces of failures as payloads, which a codec encrypts, and back.

temporalio's ``encode_common_attributes`` does the same, but leaves nothing by which people find the line that failed.
"""

from collections.abc import Iterator
from typing import Final

from temporalio.api.common.v1 import Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, DefaultPayloadConverter, PayloadConverter

from perdure.encryption import MissingKey, WrongRun
from perdure.values.author_code import place_in_text

__all__ = ["HIDDEN", "hide_texts", "show_texts", "shown_failure"]

HIDDEN: Final = "The text of this failure is encrypted"

_PLAIN: Final = {MissingKey.__name__, WrongRun.__name__}
"""Types of failures whose text holds no value; without a key nobody could read why a value cannot be read."""


def hide_texts(failure: Failure, converter: PayloadConverter) -> None:
    """Move the texts of a failure and its causes into payloads; the class and the author's line stay."""
    for one in _chain(failure):
        if one.message.startswith(HIDDEN) or one.application_failure_info.type in _PLAIN:
            continue
        text = {"message": one.message, "stack_trace": one.stack_trace}  # as temporalio writes and reads it
        one.encoded_attributes.CopyFrom(converter.to_payloads([text])[0])
        place = place_in_text(one.stack_trace)
        one.message = f"{HIDDEN} ({place})" if place else HIDDEN
        one.stack_trace = ""


def show_texts(failure: Failure) -> None:
    """Put the texts back, out of payloads that are decrypted already."""
    for one in _chain(failure):
        if one.HasField("encoded_attributes"):
            found = DefaultPayloadConverter().from_payloads([one.encoded_attributes])[0]
            one.message, one.stack_trace = found["message"], found["stack_trace"]
            one.ClearField("encoded_attributes")


async def shown_failure(failure: Failure, converter: DataConverter) -> Failure:
    """Return a copy of a failure of a history whose texts are decrypted; what else it holds stays as it is.

    Args:
        failure: The failure.
        converter: That of the client, with the run as its context.

    Raises:
        MissingKey: The key ring has not the key.
        WrongRun: It was copied from another run.
    """
    copy = Failure()
    copy.CopyFrom(failure)
    if converter.payload_codec is not None:
        for one in _chain(copy):
            if one.HasField("encoded_attributes"):
                wrapped = Payloads(payloads=[one.encoded_attributes])
                await converter.payload_codec.decode_wrapper(wrapped)
                one.encoded_attributes.CopyFrom(wrapped.payloads[0])
        show_texts(copy)
    return copy


def _chain(failure: Failure) -> Iterator[Failure]:
    yield failure
    while failure.HasField("cause"):
        failure = failure.cause
        yield failure

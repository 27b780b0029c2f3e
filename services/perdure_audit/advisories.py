"""What JetStream gives up for a consumer it says once, to nobody: here it becomes a dead letter that people find."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.envelope import MESSAGE_ID, describe_errors, header_value
from perdure.bus.jetstream.delivery import DEAD_LETTERED
from perdure.bus.settlement import MAX_DEAD_LETTER_BODY_BYTES
from perdure.contracts import DeadLetter, Reason
from perdure.errors import InvalidMessage

__all__ = ["Advisories", "Advisory", "dead_letter_of", "read_advisory"]


class Advisory(BaseModel):
    """What NATS says.

    Source: ``JSConsumerDeliveryExceededAdvisory`` and ``JSConsumerDeliveryTerminatedAdvisory`` of nats-server.

    Attributes:
        stream_seq: The message's place in the stream.
        reason: What the consumer's program said with its `term`, if anything.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["io.nats.jetstream.advisory.v1.max_deliver", "io.nats.jetstream.advisory.v1.terminated"]
    stream: str
    consumer: str
    stream_seq: PositiveInt
    deliveries: PositiveInt
    reason: str = ""


class Advisories:
    """Says one dead letter for each message that JetStream gave up and for which nobody did."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._letters: dict[str, set[str]] = {}

    async def handle(self, heard: StoredMessage) -> None:
        """Hear an advisory.

        Raises:
            InvalidMessage: It is none.
            Unavailable: The bus does not answer.
        """
        advisory = read_advisory(heard.raw.body)
        if advisory.reason == DEAD_LETTERED:
            return
        original = await self._bus.get(advisory.stream, advisory.stream_seq)
        letter = dead_letter_of(advisory, original, heard)
        letter_id, known = header_value(letter.message_id), await self._known(letter)
        if letter_id not in known:
            await self._bus.publish(letter)
            known.add(letter_id)

    async def _known(self, letter: DeadLetter) -> set[str]:
        """Return the ids of the letters that were said for this consumer: NATS may repeat itself after any time."""
        if letter.service not in self._letters:
            said = {heard.raw.headers.get(MESSAGE_ID, "") async for heard in self._bus.read(letter.subject)}
            self._letters.setdefault(letter.service, said)
        return self._letters[letter.service]


def read_advisory(body: bytes) -> Advisory:
    """Read an advisory.

    Raises:
        InvalidMessage: It is none; the detail names the field.
    """
    try:
        return Advisory.model_validate_json(body)
    except ValidationError as error:
        raise InvalidMessage("bad_message", f"This is no advisory of JetStream's: {describe_errors(error)}") from error


def dead_letter_of(advisory: Advisory, original: RawMessage | None, heard: StoredMessage) -> DeadLetter:
    """Write the letter.

    Args:
        advisory: What NATS said.
        original: The message, if its stream still has it.
        heard: The advisory as it was heard.
    """
    body = original.body if original is not None else b""
    return DeadLetter(
        service=advisory.consumer,
        reason=_reason(advisory),
        detail=_detail(advisory, original),
        original_subject=original.subject if original is not None else "",
        stream=advisory.stream,
        stream_sequence=advisory.stream_seq,
        deliveries=advisory.deliveries,
        headers=dict(original.headers) if original is not None else {},
        body=body if original is not None and len(body) <= MAX_DEAD_LETTER_BODY_BYTES else None,
        at=heard.stored_at,
    )


def _reason(advisory: Advisory) -> Reason:
    return "terminated" if advisory.type.endswith("terminated") else "max_deliveries"


def _detail(advisory: Advisory, original: RawMessage | None) -> str:
    who = f"The consumer {advisory.consumer} of {advisory.stream}"
    if _reason(advisory) == "terminated":
        why = f" ({advisory.reason})" if advisory.reason else ""
        what = f"{who} refused this message for good{why}: NATS does not deliver it to that consumer again."
    else:
        what = (
            f"{who} got this message {advisory.deliveries} times and never acknowledged it: its max_deliver is reached,"
            " and NATS does not deliver it to that consumer again."
        )
    if original is None:
        return f"{what} The stream no longer has it: find it in the audit record, and drop this letter."
    return f"{what} Mend the program that hears by that consumer, then replay: all who hear the subject hear it again."

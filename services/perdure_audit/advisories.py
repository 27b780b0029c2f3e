"""Turns JetStream's max-deliveries and terminated advisories into dead letters.

JetStream publishes an advisory when it stops delivering a message to a consumer, and nothing else happens.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from perdure.bus import Bus, StoredMessage
from perdure.bus.dead_letter import original_content, publish_dead_letter
from perdure.bus.envelope import MESSAGE_ID, describe_errors, header_value
from perdure.bus.jetstream.delivery import DEAD_LETTERED
from perdure.contracts import DeadLetter, Reason
from perdure.errors import InvalidMessage

__all__ = ["Advisories", "Advisory", "read_advisory", "to_dead_letter"]


class Advisory(BaseModel):
    """An advisory of JetStream's about one message and one consumer.

    Source: ``JSConsumerDeliveryExceededAdvisory`` and ``JSConsumerDeliveryTerminatedAdvisory`` of nats-server.

    Attributes:
        stream_seq: The message's sequence in its stream.
        reason: The text that the consumer sent with its `term`, if any.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["io.nats.jetstream.advisory.v1.max_deliver", "io.nats.jetstream.advisory.v1.terminated"]
    stream: str
    consumer: str
    stream_seq: PositiveInt
    deliveries: PositiveInt
    reason: str = ""


class Advisories:
    """Publishes one dead letter for each message that JetStream no longer delivers, unless a service published one."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._published_ids: dict[str, set[str]] = {}

    async def handle(self, message: StoredMessage) -> None:
        """Publish the dead letter for an advisory.

        Raises:
            InvalidMessage: The message is no such advisory.
            Unavailable: The bus does not answer.
        """
        advisory = read_advisory(message.raw.body)
        if advisory.reason == DEAD_LETTERED:
            return
        original = await self._bus.get(advisory.stream, advisory.stream_seq)
        dead_letter = to_dead_letter(advisory, original, message)
        message_id, known_ids = header_value(dead_letter.message_id), await self._known_ids(dead_letter)
        if not any(known == message_id or known.startswith(f"{message_id}.") for known in known_ids):
            await publish_dead_letter(self._bus, dead_letter)
            known_ids.add(message_id)

    async def _known_ids(self, dead_letter: DeadLetter) -> set[str]:
        """Return the ids of this consumer's dead letters: NATS may repeat an advisory after any time."""
        if dead_letter.service not in self._published_ids:
            ids = {message.raw.headers.get(MESSAGE_ID, "") async for message in self._bus.read(dead_letter.subject)}
            self._published_ids.setdefault(dead_letter.service, ids)
        return self._published_ids[dead_letter.service]


def read_advisory(body: bytes) -> Advisory:
    """Read an advisory.

    Raises:
        InvalidMessage: The body is no such advisory; the detail names the field.
    """
    try:
        return Advisory.model_validate_json(body)
    except ValidationError as error:
        raise InvalidMessage("bad_message", f"This is no advisory of JetStream's: {describe_errors(error)}") from error


def to_dead_letter(advisory: Advisory, original: StoredMessage | None, message: StoredMessage) -> DeadLetter:
    """Return the dead letter for an advisory.

    Args:
        advisory: The advisory.
        original: The undelivered message, if its stream still has it.
        message: The message that carried the advisory.
    """
    return DeadLetter(
        service=advisory.consumer,
        reason=_reason(advisory),
        detail=_detail(advisory, original),
        original_subject=original.raw.subject if original is not None else "",
        stream=advisory.stream,
        stream_sequence=advisory.stream_seq,
        deliveries=advisory.deliveries,
        stored_at=None if original is None else original.stored_at,
        **({} if original is None else original_content(original.raw)),
        at=message.stored_at,
    )


def _reason(advisory: Advisory) -> Reason:
    return "terminated" if advisory.type.endswith("terminated") else "max_deliveries"


def _detail(advisory: Advisory, original: StoredMessage | None) -> str:
    consumer = f"The consumer {advisory.consumer} of {advisory.stream}"
    if _reason(advisory) == "terminated":
        because = f" ({advisory.reason})" if advisory.reason else ""
        problem = f"{consumer} terminated this message{because}: NATS does not deliver it to that consumer again."
    else:
        problem = (
            f"{consumer} received this message {advisory.deliveries} times and never acknowledged it: its max_deliver"
            " is reached, and NATS does not deliver it to that consumer again."
        )
    if original is None:
        return f"{problem} The stream no longer has it: find it in the audit record, and drop this dead letter."
    return (
        f"{problem} Fix the program that uses that consumer, then resend: every subscriber of the subject receives the"
        " message again."
    )

"""The outbox: notices that wait to be sent, in JetStream under ``notices.<channel>.<severity>``."""

from collections.abc import AsyncIterator
from typing import Final

from opentelemetry import propagate
from pydantic import ValidationError

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.envelope import MESSAGE_ID, describe_errors, header_value
from perdure.contracts import Severity, from_token, to_token
from perdure.errors import InvalidMessage
from perdure_notifier.notice import Notice

__all__ = ["Outbox"]

_PREFIX: Final = "notices"


class Outbox:
    """The waiting notices of all channels."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, channel: str, notice: Notice) -> None:
        """Store a notice for a channel; JetStream drops a duplicate by its message id.

        Raises:
            Unavailable: NATS does not confirm it.
        """
        headers = {MESSAGE_ID: header_value(f"{channel}.{notice.key}")}
        propagate.inject(headers)
        await self._bus.publish_raw(
            RawMessage(_subject(channel, notice.severity), notice.model_dump_json().encode(), headers)
        )

    async def channels(self) -> set[str]:
        """Return the names of the channels that have waiting notices."""
        return {from_token(subject.split(".")[1]) for subject in await self._bus.count_by_subject(f"{_PREFIX}.>")}

    async def has_notices(self, channel: str) -> bool:
        """Return whether a channel has waiting notices."""
        return bool(await self._bus.count_by_subject(f"{_PREFIX}.{to_token(channel)}.>"))

    async def first(self, channel: str, severity: Severity) -> StoredMessage | None:
        """Return the oldest notice of a severity."""
        return await self._bus.first(_subject(channel, severity))

    async def all(self, channel: str, severity: Severity) -> AsyncIterator[StoredMessage]:
        """Yield the notices of a severity, oldest first."""
        sequence = 0
        while (message := await self._bus.first(_subject(channel, severity), after=sequence)) is not None:
            yield message
            sequence = message.sequence

    async def delete(self, message: StoredMessage) -> None:
        """Delete a notice that was sent, skipped or dead-lettered."""
        await self._bus.delete(message.stream, message.sequence)

    @staticmethod
    def parse(message: StoredMessage) -> Notice:
        """Parse a stored notice.

        Raises:
            InvalidMessage: It is not a notice.
        """
        try:
            return Notice.model_validate_json(message.raw.body)
        except ValidationError as error:
            raise InvalidMessage("bad_message", describe_errors(error)) from error


def _subject(channel: str, severity: Severity) -> str:
    return f"{_PREFIX}.{to_token(channel)}.{severity}"

"""The outbox: notices that wait to be sent, in JetStream under ``notices.<channel>.<severity>``."""

from collections.abc import AsyncIterator
from typing import Final

from opentelemetry import propagate
from pydantic import ValidationError

from perdure.bus import Bus, KeyValue, RawMessage, StoredMessage
from perdure.bus.envelope import MESSAGE_ID, describe_errors, header_value
from perdure.contracts import Severity, from_token, to_token
from perdure.errors import InvalidMessage
from perdure_notifier.notice import Notice

__all__ = ["Outbox"]

_STREAM: Final = "NOTICES"
_PREFIX: Final = "notices"
_GIVING: Final = b"giving"
_GIVEN: Final = b""  # as stored by 0.1


class Outbox:
    """The waiting notices of all channels.

    Args:
        bus: Where they wait.
        entries: Where it is kept which channel was given which notice.
    """

    def __init__(self, bus: Bus, entries: KeyValue) -> None:
        self._bus = bus
        self._entries = entries

    async def put_once(self, channel: str, notice: Notice) -> None:
        """Store a notice for a channel, unless it was given before: it may be sent, and its message id forgotten.

        The channel counts as given the notice before it can send it, so that no outcome in between misses it.

        Raises:
            Unavailable: NATS does not confirm it.
        """
        mark = _mark(channel, notice.key)
        state = await self._entries.get(mark)
        if state == _GIVEN:
            return
        if state is None:
            await self._entries.put(mark, _GIVING)
        await self.put(channel, notice)
        await self._entries.put(mark, _GIVEN)

    async def was_given(self, channel: str, message_id: str) -> bool:
        """Return whether a channel was given the notice of a message, sent or not."""
        return await self._entries.get(_mark(channel, message_id)) is not None

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

    async def get(self, sequence: int) -> StoredMessage | None:
        """Return a notice that waits, by its sequence."""
        return await self._bus.get(_STREAM, sequence)

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


def _mark(channel: str, message_id: str) -> str:
    return f"notified.{channel}.{message_id}"


def _subject(channel: str, severity: Severity) -> str:
    return f"{_PREFIX}.{to_token(channel)}.{severity}"

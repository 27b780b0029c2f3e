"""What a channel still has to tell waits in JetStream, as ``notices.<channel>.<severity>``."""

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
    """One for all channels."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, channel: str, notice: Notice) -> None:
        """Let a notice wait for a channel; one that waits or waited there is not put twice.

        Raises:
            Unavailable: NATS does not confirm it.
        """
        headers = {MESSAGE_ID: header_value(f"{channel}.{notice.key}")}
        propagate.inject(headers)
        await self._bus.publish_raw(
            RawMessage(_subject(channel, notice.severity), notice.model_dump_json().encode(), headers)
        )

    async def channels(self) -> set[str]:
        """Return the channels for which something waits."""
        return {from_token(subject.split(".")[1]) for subject in await self._bus.count_by_subject(f"{_PREFIX}.>")}

    async def waits(self, channel: str) -> bool:
        """Tell whether anything waits for a channel."""
        return bool(await self._bus.count_by_subject(f"{_PREFIX}.{to_token(channel)}.>"))

    async def first(self, channel: str, severity: Severity) -> StoredMessage | None:
        """Return what has waited longest."""
        return await self._bus.first(_subject(channel, severity))

    async def all(self, channel: str, severity: Severity) -> AsyncIterator[StoredMessage]:
        """Yield all that waits, oldest first."""
        place = 0
        while (heard := await self._bus.first(_subject(channel, severity), after=place)) is not None:
            yield heard
            place = heard.sequence

    async def drop(self, heard: StoredMessage) -> None:
        """Take a notice out: it is done with."""
        await self._bus.delete(heard.stream, heard.sequence)

    @staticmethod
    def read(heard: StoredMessage) -> Notice:
        """Read what waits.

        Raises:
            InvalidMessage: It is no notice.
        """
        try:
            return Notice.model_validate_json(heard.raw.body)
        except ValidationError as error:
            raise InvalidMessage("bad_message", describe_errors(error)) from error


def _subject(channel: str, severity: Severity) -> str:
    return f"{_PREFIX}.{to_token(channel)}.{severity}"

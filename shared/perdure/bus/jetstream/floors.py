"""The own floors of a service: up to where it has settled each stream, whatever NATS still knows of its consumers.

A consumer may be deleted. After a power failure it may begin at its first message again, or be ahead of a stream that
has lost its newest messages.
"""

import logging
from datetime import datetime
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, DeliverPolicy, StreamInfo
from nats.js.errors import NotFoundError
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.topology import FLOORS, Consumer

__all__ = ["ConsumerFloor"]

_log = logging.getLogger(__name__)


class _Floor(BaseModel):
    """The newest message up to which everything is settled.

    Attributes:
        sequence: Its sequence; 0 before the first one.
        stored_at: When it was stored (UTC); None if the stream has forgotten it.
        created: When the stream was made (UTC).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequence: int
    stored_at: AwareDatetime | None
    created: AwareDatetime | None


class ConsumerFloor:
    """The floor of one durable consumer; all processes of its service share it."""

    def __init__(self, js: JetStreamContext, consumer: Consumer) -> None:
        self._js = js
        self._consumer = consumer
        self._stream = consumer.stream
        self._entries = NatsKeyValue(js, FLOORS)
        self._key = f"{consumer.service}-{consumer.stream}"

    async def declare(self) -> bool:
        """Make the consumer where it is missing, or anew where it is not where it was; return whether that was needed.

        Raises:
            NatsError: The server does not answer.
            Unavailable: Likewise.
        """
        floor = await self._read()  # before the consumer: its own floor only rises
        found = await self._info()
        stream = await self._js.stream_info(self._stream)  # after the consumer: the stream only grows
        if found is not None and not await self._is_displaced(found, stream, floor):
            return False
        config = self._consumer.config if found is None else found.config
        start = await self._start(stream, floor)
        if found is not None:
            _log.error("the consumer of %s is not where it was; making it anew: %s", self._stream, start)
            await self._js.delete_consumer(self._stream, self._consumer.service)
        await self._js.add_consumer(self._stream, config.evolve(**start))
        await self._note(stream, floor)
        return True

    async def note(self) -> None:
        """Store up to where everything is settled, if that has changed.

        Raises:
            NatsError: The server does not answer.
            Unavailable: Likewise.
        """
        await self._note(await self._js.stream_info(self._stream), await self._read())

    async def _note(self, stream: StreamInfo, floor: _Floor | None) -> None:
        found = await self._info()
        sequence = _settled(found) if found else 0
        if floor is None or (floor.sequence, floor.created) != (sequence, stream.created):
            new = _Floor(sequence=sequence, stored_at=await self._stored_at(sequence), created=stream.created)
            await self._entries.put(self._key, new.model_dump_json().encode())

    async def _read(self) -> _Floor | None:
        found = await self._entries.get(self._key)
        try:
            return None if found is None else _Floor.model_validate_json(found)
        except ValidationError as error:
            _log.warning("the floor of %s cannot be read, and is noted anew: %s", self._stream, error)
            return None

    async def _info(self) -> ConsumerInfo | None:
        try:
            found: ConsumerInfo = await self._js.consumer_info(self._stream, self._consumer.service)
        except NotFoundError:
            return None
        return found

    async def _is_displaced(self, found: ConsumerInfo, stream: StreamInfo, floor: _Floor | None) -> bool:
        delivered = found.delivered.stream_seq if found.delivered else 0
        if max(delivered, _settled(found)) > stream.state.last_seq:
            return True
        if floor is None or floor.created != stream.created:
            return False  # a stream that is made anew has new consumers
        return _settled(found) < floor.sequence or not await self._holds(stream, floor)

    async def _start(self, stream: StreamInfo, floor: _Floor | None) -> dict[str, Any]:
        """Return where the consumer begins."""
        first = {"deliver_policy": DeliverPolicy.ALL, "opt_start_seq": None, "opt_start_time": None}
        if floor is None or floor.created != stream.created:
            return first
        if await self._holds(stream, floor):
            return first | {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": floor.sequence + 1}
        if floor.stored_at is None:
            return first
        return first | {"deliver_policy": DeliverPolicy.BY_START_TIME, "opt_start_time": floor.stored_at}

    async def _holds(self, stream: StreamInfo, floor: _Floor) -> bool:
        """Return whether the stream still has the message of the floor, or has forgotten it by age.

        Otherwise it has lost its newest messages, and others have taken their sequences.
        """
        if floor.sequence > stream.state.last_seq:
            return False
        stored_at = await self._stored_at(floor.sequence)
        return stored_at is None or floor.stored_at is None or stored_at == floor.stored_at

    async def _stored_at(self, sequence: int) -> datetime | None:
        if sequence == 0:
            return None
        try:
            return (await self._js.get_msg(self._stream, sequence)).time
        except NotFoundError:
            return None


def _settled(consumer: ConsumerInfo) -> int:
    return consumer.ack_floor.stream_seq if consumer.ack_floor else 0

"""Makes room in streams that refuse when they are full: removes the oldest messages that all services have settled.

Each stream is trimmed by the service that consumes it. Several processes may do it at once: a floor only rises.
"""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, StreamState
from nats.js.errors import NotFoundError

from perdure.bus.app import App
from perdure.bus.topology import CONSUMERS, STREAMS
from perdure.errors import Unavailable

__all__ = ["Trimmer"]

_CHECK_SECONDS: Final = 5.0
_TRIM_FROM: Final = 0.8  # of the bound
_TRIM_TO: Final = 0.6

_log = logging.getLogger(__name__)


class Trimmer:
    """Trims the streams that an app consumes, if its service is the one that trims them.

    Args:
        js: JetStream context.
        app: The app; see ``Stream.trimmed_by`` and ``App.done_until``.
    """

    def __init__(self, js: JetStreamContext, app: App) -> None:
        self._js = js
        self._streams = [it.stream for it in app.subscriptions if STREAMS[it.stream].trimmed_by == app.service]
        self._done_until = app.done_until

    async def watch(self) -> None:
        """Trim every few seconds, for ever."""
        while True:
            for stream in self._streams:
                try:
                    await self._trim(stream)
                except (NatsError, OSError, Unavailable) as error:  # a missing consumer too: its service makes it anew
                    _log.warning("%s cannot be trimmed now, trying again: %r", stream, error)
            await asyncio.sleep(_CHECK_SECONDS)

    async def trim(self) -> None:
        """Trim each stream once.

        Raises:
            NatsError: The server does not answer.
            Unavailable: Likewise, or what ``App.done_until`` asks.
        """
        for stream in self._streams:
            await self._trim(stream)

    async def _trim(self, stream: str) -> None:
        found = await self._js.stream_info(stream)
        bound, state = found.config.max_bytes or -1, found.state
        if bound < 0 or state.bytes < _TRIM_FROM * bound:
            return
        floor = await self._floor(stream, state.last_seq)
        if floor >= state.first_seq and (done := self._done_until.get(stream)) is not None:
            floor = await done(floor)
        last = min(floor, _enough(state, _TRIM_TO * bound))
        if last < state.first_seq:
            _log.warning("%s is %.0f %% full, and not all services have settled it", stream, 100 * state.bytes / bound)
            return
        await self._js.purge_stream(stream, seq=last + 1)
        _log.info("%s was %.0f %% full: removed its messages up to %s", stream, 100 * state.bytes / bound, last)

    async def _floor(self, stream: str, last: int) -> int:
        """Return up to which sequence all services have settled a stream; 0 if one has no consumer."""
        names = [consumer.service for consumer in CONSUMERS if consumer.stream == stream]
        try:
            consumers = [await self._js.consumer_info(stream, name) for name in names]
        except NotFoundError:
            return 0
        return min(_settled(consumer, last) for consumer in consumers)


def _settled(consumer: ConsumerInfo, last: int) -> int:
    """Return up to which sequence a consumer has settled all; ``last`` was the stream's before it was asked."""
    if not consumer.num_pending and not consumer.num_ack_pending:
        return last
    return 0 if consumer.ack_floor is None else int(consumer.ack_floor.stream_seq)


def _enough(state: StreamState, wanted: float) -> int:
    """Return the sequence up to which messages of average size must go, so that so many bytes are left."""
    average = state.bytes / max(state.messages, 1)
    return int(state.first_seq) + int((state.bytes - wanted) / max(average, 1))

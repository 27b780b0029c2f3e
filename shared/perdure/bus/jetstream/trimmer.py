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
_SOON_SECONDS: Final = 0.5  # after a stream was trimmed, or could not be
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
        self._stuck = set[str]()

    async def watch(self) -> None:
        """Trim every few seconds, for ever; more often while a stream is nearly full."""
        while True:
            nearly_full = False
            for stream in self._streams:
                try:
                    nearly_full |= await self._trim(stream)
                except (NatsError, OSError, Unavailable) as error:
                    _log.warning("%s cannot be trimmed now, trying again: %r", stream, error)
            await asyncio.sleep(_SOON_SECONDS if nearly_full else _CHECK_SECONDS)

    async def trim(self) -> None:
        """Trim each stream once.

        Raises:
            NatsError: The server does not answer.
            Unavailable: Likewise, or what ``App.done_until`` asks.
        """
        for stream in self._streams:
            await self._trim(stream)

    async def _trim(self, stream: str) -> bool:
        """Trim a stream; returns whether it was nearly full."""
        found = await self._js.stream_info(stream)
        bound, state = found.config.max_bytes or -1, found.state
        if bound < 0 or state.bytes < _TRIM_FROM * bound:
            self._stuck.discard(stream)
            return False
        full = f"{stream} is {100 * state.bytes / bound:.0f} % full"
        last = min(await self._floor(stream, state), _enough(state, _TRIM_TO * bound))
        if last >= state.first_seq:
            await self._js.purge_stream(stream, seq=last + 1)
            _log.info("%s: removed its settled messages up to %s", full, last)
        elif stream not in self._stuck:
            self._stuck.add(stream)
            _log.warning("%s, and not all services have settled its oldest messages: `perdure doctor`", full)
        return True

    async def _floor(self, stream: str, state: StreamState) -> int:
        """Return up to which sequence a stream is needed by nobody; 0 if a service has no consumer."""
        names = [consumer.service for consumer in CONSUMERS if consumer.stream == stream]
        try:
            consumers = [await self._js.consumer_info(stream, name) for name in names]
        except NotFoundError:
            return 0
        floor = min(_settled(consumer, int(state.last_seq)) for consumer in consumers)
        done_until = self._done_until.get(stream)
        return floor if done_until is None or floor < state.first_seq else await done_until(floor)


def _settled(consumer: ConsumerInfo, last: int) -> int:
    """Return up to which sequence a consumer has settled all; ``last`` was the stream's before it was asked."""
    if not consumer.num_pending and not consumer.num_ack_pending:
        return last
    return 0 if consumer.ack_floor is None else int(consumer.ack_floor.stream_seq)


def _enough(state: StreamState, wanted: float) -> int:
    """Return the sequence up to which messages of average size must go, so that so many bytes are left."""
    average = state.bytes / max(state.messages, 1)
    return int(state.first_seq) + int((state.bytes - wanted) / max(average, 1))

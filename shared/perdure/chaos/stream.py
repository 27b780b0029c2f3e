"""Deletes streams under load: what they held is gone, and nothing else may be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from nats.js import JetStreamContext

from perdure.chaos.asked import asked
from perdure.chaos.strike import Strike
from perdure.errors import PerdureError
from perdure.verify.deleted import DeletedStream, append_deleted
from perdure.verify.streams import Streams

__all__ = ["StreamLoss"]

_BACK_WITHIN: Final = 60.0  # seconds
_LOOK_EVERY: Final = 0.2  # seconds


class StreamLoss:
    """Deletes a stream that the services can make again.

    EVENTS, DECISIONS and SIGNALS are never deleted: they are all that there is of what clients were acknowledged for.

    Args:
        js: JetStream, as the operator.
        kept: A file for what the deleted streams held; the verifier reads it.

    Attributes:
        targets: The streams.
    """

    targets: Sequence[str] = ("VERDICTS", "COMMANDS", "PROGRESS", "RECEIPTS")

    def __init__(self, js: JetStreamContext, kept: Path) -> None:
        self._js = js
        self._kept = kept

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Delete a stream, keep for the verifier what it held, and wait until a service has made it again.

        Raises:
            PerdureError: No service makes it again in time.
        """
        stream = strike.target
        deleted = await self._held(stream)
        append_deleted(self._kept, deleted)
        await asked(lambda: self._js.delete_stream(stream))
        yield f"deleted with {len(deleted.messages)} messages"
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while await asked(lambda: self._js.stream_info(stream)) is None:
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise PerdureError(f"No service has made the stream {stream} again.") from error

    async def _held(self, stream: str) -> DeletedStream:
        """Take the subjects from a stream, as if it were gone already, and return what it holds."""
        info = await asked(lambda: self._js.stream_info(stream))
        if info is None:
            raise PerdureError(f"There is no stream {stream}.")
        gone = info.config.evolve(subjects=[f"chaos.gone.{stream}"])
        await asked(lambda: self._js.update_stream(gone))
        last = await asked(lambda: self._js.stream_info(stream))
        messages = [message async for message in Streams(self._js).new_messages(stream)]
        consumers = await asked(lambda: self._js.consumers_info(stream))
        floors = {it.name: it.ack_floor.stream_seq if it.ack_floor else 0 for it in consumers or ()}
        return DeletedStream(stream, last.state.last_seq if last else 0, floors, messages)

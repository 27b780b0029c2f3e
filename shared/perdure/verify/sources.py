"""The three sources, open at once, and one look at all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client as Temporal
from temporalio.service import RPCError

from perdure.config.settings import Settings, TemporalSettings
from perdure.connections.nats import plain_client
from perdure.connections.temporal import open_client
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.verify.records import Observations
from perdure.verify.runs import executions
from perdure.verify.store import open_store, recorded
from perdure.verify.streams import Streams

__all__ = ["Sources", "open_sources"]

_AGAIN_AFTER: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the truth lies."""

    streams: Streams
    temporal: Temporal
    task_queues: frozenset[str]
    store: AsyncEngine

    async def look(self) -> Observations:
        """Read all; streams first, so that what they hold can be found in Temporal and in the store.

        Raises:
            Unavailable: One of them does not answer.
        """
        streams = self.streams
        try:
            await streams.read()
            runs = await executions(self.temporal, self.task_queues)
            rows = await recorded(self.store)
        except (NatsError, RPCError, SQLAlchemyError, OSError) as error:
            raise Unavailable(f"A source cannot be read: {error!r}") from error
        return Observations(
            streams.said, streams.published, streams.commands, streams.letters, streams.facts, runs, rows
        )

    async def quiet(self) -> bool:
        """Tell whether every consumer has acknowledged all there is: then nothing is in anybody's hands.

        Raises:
            Unavailable: NATS does not answer.
        """
        try:
            return await self.streams.in_hand() == 0
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS does not tell of its consumers: {error!r}") from error


@asynccontextmanager
async def open_sources(settings: Settings, *, within: float) -> AsyncIterator[Sources]:
    """Open them: those of the local suite if one runs, else the configured ones.

    Raises:
        Unavailable: NATS or Temporal does not answer within so many seconds.
    """
    bus, engine = discover(settings)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(within):
                client = await stack.enter_async_context(plain_client(bus, name="perdure/verify"))
        except (TimeoutError, NatsError, OSError) as error:
            raise Unavailable(f"No NATS server answers at {', '.join(bus.servers)}.") from error
        temporal = await _temporal(engine, within)
        store = await stack.enter_async_context(open_store(settings))
        yield Sources(Streams(client.jetstream()), temporal, _task_queues(settings), store)


def _task_queues(settings: Settings) -> frozenset[str]:
    return frozenset({settings.temporal.task_queue, *(it.task_queue for it in settings.routes if it.task_queue)})


async def _temporal(settings: TemporalSettings, within: float) -> Temporal:
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    return await open_client(settings)
                except RuntimeError:  # what temporalio raises when no connection comes about
                    await asyncio.sleep(_AGAIN_AFTER)
    except TimeoutError as error:
        raise Unavailable(f"No Temporal answers at {settings.host}:{settings.port}.") from error

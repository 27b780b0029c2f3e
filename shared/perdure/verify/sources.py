"""Opens and reads the three sources: JetStream, Temporal and the audit database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client as Temporal
from temporalio.service import RPCError

from perdure.config.settings import Settings, TemporalSettings
from perdure.connections.nats import plain_client
from perdure.connections.temporal import open_client
from perdure.encryption import KeySource, key_source
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.verify.processes import process_states
from perdure.verify.records import Observations
from perdure.verify.runs import list_executions
from perdure.verify.store import open_store, read_records
from perdure.verify.streams import Streams

__all__ = ["Sources", "open_sources"]

_RETRY_AFTER: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Sources:
    """The open sources.

    Attributes:
        state: The state folder of the local suite, if one runs.
        silent: The `on` of each route that publishes no verdicts.
    """

    streams: Streams
    temporal: Temporal
    task_queues: frozenset[str]
    store: AsyncEngine
    state: Path
    silent: Sequence[str] = ()

    async def observe(self) -> Observations:
        """Read all sources.

        The streams come first, so that Temporal and the audit database can already hold what the streams contain.

        Raises:
            Unavailable: A source does not answer.
        """
        streams = self.streams
        try:
            outstanding = await streams.outstanding()
            await streams.read()
            runs = await list_executions(self.temporal, self.task_queues)
            rows = await read_records(self.store)
        except (NatsError, RPCError, SQLAlchemyError, OSError) as error:
            raise Unavailable(f"A source cannot be read: {error!r}") from error
        return Observations(
            streams.entries,
            streams.published,
            streams.commands,
            streams.dead_letters,
            streams.facts,
            runs,
            rows,
            streams.judged,
            streams.settled,
            streams.decisions,
            streams.receipts,
            outstanding,
            await process_states(self.state),
            frozenset(streams.unhandled),
            frozenset(streams.unrecorded),
            frozenset(streams.reruns),
        )


@asynccontextmanager
async def open_sources(settings: Settings, *, within: float) -> AsyncIterator[Sources]:
    """Open the sources of the running local suite, else the configured ones.

    Args:
        settings: The configuration.
        within: How long to try to connect, in seconds.

    Raises:
        Unavailable: NATS or Temporal did not answer in time.
    """
    bus, engine = discover(settings)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(within):
                client = await stack.enter_async_context(plain_client(bus, name="perdure/verify"))
        except (TimeoutError, NatsError, OSError) as error:
            raise Unavailable(f"No NATS server answers at {bus.shown}.") from error
        temporal = await _temporal(engine, key_source(settings.encryption), within)
        silent = [route.on for route in settings.routes if not route.verdicts]
        store = await stack.enter_async_context(open_store(settings))
        yield Sources(Streams(client.jetstream()), temporal, _task_queues(settings), store, settings.state, silent)


def _task_queues(settings: Settings) -> frozenset[str]:
    return frozenset({settings.temporal.task_queue, *(it.task_queue for it in settings.routes if it.task_queue)})


async def _temporal(settings: TemporalSettings, keys: KeySource | None, within: float) -> Temporal:
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    return await open_client(settings, keys=keys)
                except RuntimeError:  # temporalio raises it when it cannot connect
                    await asyncio.sleep(_RETRY_AFTER)
    except TimeoutError as error:
        raise Unavailable(f"No Temporal answers at {settings.host}:{settings.port}.") from error

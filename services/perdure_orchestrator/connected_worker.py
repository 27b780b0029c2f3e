"""Runs a worker while NATS is connected: it serves once NATS answers, and ends if NATS rejects its credentials."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.worker import Worker

from perdure.connections.temporal_internals import shutdown_requested
from perdure_orchestrator.nats_connection import NatsConnection

__all__ = ["run_connected"]


async def run_connected(
    connection: NatsConnection,
    worker: Worker,
    next: Callable[[Worker], Awaitable[None]],  # noqa: A002 (temporalio's signature)
) -> None:
    """Run a worker once NATS answers.

    In any case temporalio's own part begins: `Worker.shutdown` and `async with` wait until it has ended.

    Raises:
        SetupError: The credentials cannot be read, or NATS rejects them.
    """
    failure = await _failure(connection, worker)
    stopping = None if failure is None else asyncio.create_task(worker.shutdown())
    await next(worker)  # returns at once if the worker is already to stop
    if stopping is not None:
        await stopping
    if failure is not None:
        raise failure


async def _failure(connection: NatsConnection, worker: Worker) -> BaseException | None:
    """Wait for NATS or for the worker's shutdown, and return why NATS cannot be connected."""
    opening = asyncio.create_task(connection.open())
    stopping = asyncio.create_task(shutdown_requested(worker))
    try:
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        opening.cancel()
    return opening.exception() if opening.done() else None

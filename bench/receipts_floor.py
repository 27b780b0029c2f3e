"""The minimum of a durable receipt: a decision signals a run, which publishes a receipt without any checks.

``python -m bench.receipts_floor TEMPORAL NATS SEED`` is its bridge and worker, until SIGTERM.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.beside import beside
from bench.house import INBOX, House
from perdure.runtime.exit import exit_process

__all__ = ["ReceiptsFloor", "open_receipts_floor"]

_TASK_QUEUE: Final = "receipts-floor"
_DECISIONS: Final = f"{INBOX}.decisions"
_RECEIPTS: Final = f"{INBOX}.receipts"
_READY: Final = f"{INBOX}.ready"
_BETWEEN: Final = 0.05  # seconds between questions whether the process is ready
_STARTS_WITHIN: Final = 30.0  # seconds
_SOON: Final = timedelta(seconds=10)


@workflow.defn
class Waiting:
    """Waits for a signal and publishes a receipt."""

    def __init__(self) -> None:
        self._signalled = False

    @workflow.signal
    def decide(self) -> None:
        """Receive the decision."""
        self._signalled = True

    @workflow.run
    async def run(self) -> None:
        """Wait for the decision and publish its receipt."""
        await workflow.wait_condition(lambda: self._signalled)
        await workflow.execute_local_activity("publish", workflow.info().workflow_id, start_to_close_timeout=_SOON)


class ReceiptsFloor:
    """Decides one run after the other."""

    def __init__(self, client: Client, bus: Nats) -> None:
        self._client = client
        self._bus = bus
        self._waiting: list[str] = []
        self._received = asyncio.Queue[str]()

    async def subscribe(self) -> None:
        """Subscribe to receipts with a plain NATS subscription."""
        await self._bus.subscribe(_RECEIPTS, cb=self._receive)
        await self._bus.flush()

    async def start_runs(self, count: int) -> None:
        """Start so many runs, which wait for their decisions."""
        for _ in range(count):
            run_id = f"{_TASK_QUEUE}-{uuid4().hex}"
            await self._client.start_workflow(Waiting.run, id=run_id, task_queue=_TASK_QUEUE)
            self._waiting.append(run_id)

    async def decide(self) -> None:
        """Decide one run and wait for its receipt."""
        run_id = self._waiting.pop()
        await self._bus.publish(_DECISIONS, run_id.encode())
        assert await self._received.get() == run_id

    async def _receive(self, message: Msg) -> None:
        self._received.put_nowait(message.data.decode())


@asynccontextmanager
async def open_receipts_floor(house: House) -> AsyncIterator[ReceiptsFloor]:
    """Run bridge and worker in one process for as long as the block lasts."""
    endpoints = house.endpoints
    async with beside("bench.receipts_floor", endpoints.temporal, endpoints.nats, str(house.operator)):
        bus = await house.connect()
        try:
            floor = ReceiptsFloor(await Client.connect(endpoints.temporal), bus)
            await floor.subscribe()
            await _until_ready(bus)
            yield floor
        finally:
            await bus.close()


async def _until_ready(bus: Nats) -> None:
    """Wait until the process has subscribed: nobody repeats a decision that it has missed."""
    async with asyncio.timeout(_STARTS_WITHIN):
        while True:
            try:
                await bus.request(_READY)
            except NoRespondersError:
                await asyncio.sleep(_BETWEEN)
            else:
                return


async def _work(temporal: str, server: str, seed: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(temporal)
    bus = await nats.connect(server, nkeys_seed=str(seed), inbox_prefix=INBOX)

    @activity.defn
    async def publish(run_id: str) -> None:
        await bus.publish(_RECEIPTS, run_id.encode())

    async def signal_run(message: Msg) -> None:
        await client.get_workflow_handle(message.data.decode()).signal(Waiting.decide)

    runner = UnsandboxedWorkflowRunner()
    async with Worker(
        client, task_queue=_TASK_QUEUE, workflows=[Waiting], activities=[publish], workflow_runner=runner
    ):
        await bus.subscribe(_DECISIONS, cb=signal_run)
        await bus.subscribe(_READY, cb=_reply)
        await stop.wait()
    await bus.close()


async def _reply(message: Msg) -> None:
    await message.respond(b"")


if __name__ == "__main__":
    _temporal, _server, _seed = sys.argv[1:]
    asyncio.run(_work(_temporal, _server, Path(_seed)))
    exit_process(0)

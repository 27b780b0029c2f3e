"""The floor: a client and a worker written by hand with temporalio, and nothing else.

``python -m bench.floor HOST:PORT`` is its worker, until SIGTERM.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import psutil
from temporalio.client import Client
from temporalio.worker import Worker

from bench.beside import beside
from bench.workload import Activities, analyse, load, write
from perdure.runtime.exit import exit_process

__all__ = ["Floor", "open_floor"]

_TASK_QUEUE: Final = "floor"


class Floor:
    """Runs the three activities and fetches the result.

    Attributes:
        processes: What it consists of, beside the servers.
    """

    name = "by hand, activities"

    def __init__(self, client: Client, worker: psutil.Process) -> None:
        self._client = client
        self.processes = {"floor worker": worker}

    async def run_one(self) -> None:
        """Do one run, from the request to its result."""
        await self._client.execute_workflow(
            Activities.run, {"path": "contract.md"}, id=f"floor-{uuid4().hex}", task_queue=_TASK_QUEUE
        )


@asynccontextmanager
async def open_floor(temporal: str) -> AsyncIterator[Floor]:
    """Run the worker, a process of its own, for as long as the block lasts."""
    client = await Client.connect(temporal)
    async with beside("bench.floor", temporal) as worker:
        floor = Floor(client, psutil.Process(worker.pid))
        await floor.run_one()  # then it is ready
        yield floor


async def _work(temporal: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(temporal)
    async with Worker(client, task_queue=_TASK_QUEUE, workflows=[Activities], activities=[load, analyse, write]):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
    exit_process(0)

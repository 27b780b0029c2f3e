"""The fastest floor on Temporal: local activities and eager start, with client and worker in one process.

``python -m bench.eager_floor HOST:PORT`` reads run ids, one a line, and writes each when its run has ended.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import psutil
from temporalio.client import Client
from temporalio.worker import Worker

from bench.beside import beside
from bench.workload import LocalActivities, analyse, load, write
from perdure.runtime.exit import exit_process

__all__ = ["EagerFloor", "open_eager_floor"]

_TASK_QUEUE: Final = "eager-floor"


class EagerFloor:
    """Requests runs over the pipes of its process, which cost less than a network hop.

    Attributes:
        processes: Its processes, without the servers.
    """

    name = "by hand, local activities and eager start"

    def __init__(self, worker: Process) -> None:
        self.processes = {"eager floor": psutil.Process(worker.pid)}
        self._worker = worker
        self._open: dict[str, asyncio.Future[None]] = {}

    async def run_one(self) -> None:
        """Do one run, from the request to its result."""
        assert self._worker.stdin is not None
        run_id = uuid4().hex
        ended = self._open[run_id] = asyncio.get_running_loop().create_future()
        self._worker.stdin.write(f"{run_id}\n".encode())
        await ended

    async def read_endings(self) -> None:
        """Resolve runs as the process reports them."""
        assert self._worker.stdout is not None
        async for line in self._worker.stdout:
            self._open.pop(line.decode().strip()).set_result(None)


@asynccontextmanager
async def open_eager_floor(temporal: str) -> AsyncIterator[EagerFloor]:
    """Run the process for as long as the block lasts."""
    async with beside("bench.eager_floor", temporal, piped=True) as worker:
        floor = EagerFloor(worker)
        reading = asyncio.create_task(floor.read_endings())
        try:
            await floor.run_one()  # the process is ready after its first run
            yield floor
        finally:
            reading.cancel()


async def _execute(client: Client, run_id: str) -> None:
    await client.execute_workflow(
        LocalActivities.run,
        {"path": "contract.md"},
        id=f"eager-{run_id}",
        task_queue=_TASK_QUEUE,
        request_eager_start=True,
    )
    print(run_id, flush=True)


async def _work(temporal: str) -> None:
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader()
    loop.add_signal_handler(signal.SIGTERM, requests.feed_eof)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    client = await Client.connect(temporal)
    async with (
        Worker(client, task_queue=_TASK_QUEUE, workflows=[LocalActivities], activities=[load, analyse, write]),
        asyncio.TaskGroup() as runs,
    ):
        async for line in requests:
            runs.create_task(_execute(client, line.decode().strip()))


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
    exit_process(0)

"""A hand-written bridge from NATS to Temporal: consumer, client and worker in one process.

``python -m bench.bridge TEMPORAL NATS NAME`` consumes ``NAME.events`` and publishes ``NAME.completed``, until SIGTERM.
"""

import asyncio
import json
import signal
import sys
from contextlib import suppress
from typing import Final

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.worker import Worker

from bench.bridge_workload import WRITE_AND_PUBLISH, Bridged
from bench.workload import analyse, load, write
from perdure.runtime.exit import exit_process

_BATCH: Final = 64
_RETRY_AFTER: Final = 1.0  # seconds


async def _start(client: Client, task_queue: str, message: Msg) -> None:
    """Start the run of an event once, and acknowledge the event after its start."""
    assert message.headers is not None
    event_id = message.headers["Nats-Msg-Id"]
    try:
        with suppress(WorkflowAlreadyStartedError):
            await client.start_workflow(
                Bridged.run,
                args=[event_id, json.loads(message.data)],
                id=f"{task_queue}-{event_id}",
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
    except RPCError:
        await message.nak(_RETRY_AFTER)
    else:
        await message.ack()


async def _consume(js: JetStreamContext, client: Client, name: str) -> None:
    subscription = await js.pull_subscribe(f"{name}.events", durable=name)
    async with asyncio.TaskGroup() as starts:
        while True:
            with suppress(TimeoutError):  # no message
                for message in await subscription.fetch(_BATCH):
                    starts.create_task(_start(client, name, message))


async def _work(temporal: str, server: str, name: str) -> None:
    client = await Client.connect(temporal)
    bus = await nats.connect(server)
    js = bus.jetstream()

    @activity.defn(name=WRITE_AND_PUBLISH)
    async def write_and_publish(event_id: str, words: list[str]) -> int:
        written = await write(words)
        body = json.dumps({"kind": "completed", "event_id": event_id, "result": written})
        await js.publish(f"{name}.completed", body.encode(), headers={"Nats-Msg-Id": event_id})
        return written

    async with Worker(client, task_queue=name, workflows=[Bridged], activities=[load, analyse, write_and_publish]):
        consuming = asyncio.create_task(_consume(js, client, name))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consuming.cancel)
        with suppress(asyncio.CancelledError):
            await consuming
    await bus.close()


if __name__ == "__main__":
    _temporal, _server, _name = sys.argv[1:]
    asyncio.run(_work(_temporal, _server, _name))
    exit_process(0)

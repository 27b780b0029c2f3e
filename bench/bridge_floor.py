"""The floor from bus to bus: a hand-written bridge takes the event and publishes ``completed``."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import nats
import psutil
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

from bench.beside import beside

__all__ = ["BridgeFloor", "open_bridge_floor"]


class BridgeFloor:
    """Publishes an event and waits for the message that its run has completed, as Perdure's contestants do.

    Attributes:
        processes: Its processes, without the servers.
    """

    def __init__(self, prefix: str, bus: Nats, bridge: psutil.Process) -> None:
        self.name = f"hand-written bridge, bus to bus, {prefix} server"
        self.processes = {f"bridge to {prefix}": bridge}
        self._prefix = prefix
        self._js = bus.jetstream()
        self._open: dict[str, asyncio.Future[None]] = {}

    async def run_one(self) -> None:
        """Do one run, from the published event to ``completed``."""
        event_id = uuid4().hex
        ended = self._open[event_id] = asyncio.get_running_loop().create_future()
        await self._js.publish(f"{self._prefix}.events", b'{"path": "contract.md"}', headers={"Nats-Msg-Id": event_id})
        await ended

    async def receive(self, message: Msg) -> None:
        """Resolve the run that a message reports."""
        if ended := self._open.pop(json.loads(message.data)["event_id"], None):
            ended.set_result(None)


@asynccontextmanager
async def open_bridge_floor(prefix: str, temporal: str, server: str) -> AsyncIterator[BridgeFloor]:
    """Create its streams and run the bridge in its own process for as long as the block lasts."""
    bus = await nats.connect(server)
    try:
        for subject in ("events", "completed"):
            config = StreamConfig(name=f"{prefix}-{subject}", subjects=[f"{prefix}.{subject}"])
            await bus.jetstream().add_stream(config)
        async with beside("bench.bridge", temporal, server, prefix) as bridge:
            floor = BridgeFloor(prefix, bus, psutil.Process(bridge.pid))
            await bus.subscribe(f"{prefix}.completed", cb=floor.receive)
            await floor.run_one()  # the bridge is ready after its first run
            yield floor
    finally:
        await bus.close()

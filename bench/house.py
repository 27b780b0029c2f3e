"""Perdure as its users run it: ``perdure up`` in a folder of its own, events in, ``completed`` out."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import nats
import psutil
import yaml
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg

from perdure.local.state import Endpoints, State

__all__ = ["INBOX", "House", "Perdure", "open_house", "publishing", "publishing_agents"]

_CONFIGURATION: Final = {
    "workflows": ["bench.workload", "bench.agents_workload", "bench.approvals_workload"],
    "routes": [
        {"on": "bench.activities", "start": "Activities"},
        {"on": "bench.local", "start": "LocalActivities"},
        {"on": "bench.agents", "start": "AgentRun"},
        {"on": "bench.asked", "start": "Asking"},
    ],
}
INBOX: Final = "_INBOX_operator"
"""Where the operator may hear, and say to itself, what it likes."""

_STOPS_WITHIN: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class House:
    """A running suite.

    Attributes:
        operator: The seed by which NATS knows its operator, who may hear everything.
        ready_seconds: From the start of ``perdure up`` until it said that all was ready.
        processes: Servers and services, by name.
    """

    endpoints: Endpoints
    operator: Path
    ready_seconds: float
    processes: dict[str, psutil.Process]

    async def connect(self) -> Nats:
        """Open a plain NATS client."""
        return await nats.connect(self.endpoints.nats, nkeys_seed=str(self.operator), inbox_prefix=INBOX)


class Perdure:
    """Publishes an event and waits until the bus says that its run has completed.

    Attributes:
        processes: The four services.
    """

    def __init__(self, name: str, event_type: str, workflow: str, client: Nats, house: House) -> None:
        self.name = name
        self.processes = {name: house.processes[name] for name in house.endpoints.services}
        self._type = event_type
        self._workflow = workflow
        self._stream = client.jetstream()
        self._client = client
        self._open: dict[str, asyncio.Future[None]] = {}

    async def listen(self) -> None:
        """Hear of endings, as any program on the bus would."""
        await self._client.subscribe(f"progress.{self._workflow}.*", cb=self._hear)

    async def run_one(self) -> None:
        """Do one run, from the published event to ``completed``."""
        event_id = uuid4().hex
        ended = self._open[event_id] = asyncio.get_running_loop().create_future()
        await self._stream.publish(
            f"events.{self._type}", b'{"path": "contract.md"}', headers={"Nats-Msg-Id": event_id}
        )
        await ended

    async def _hear(self, message: Msg) -> None:
        if b'"completed"' not in message.data:
            return
        fact = json.loads(message.data)
        if fact["kind"] == "completed" and (ended := self._open.pop(fact["event_id"], None)):
            ended.set_result(None)


@asynccontextmanager
async def publishing(house: House) -> AsyncIterator[tuple[Perdure, Perdure]]:
    """Open one plain NATS client, with which both kinds of run are asked for."""
    client = await house.connect()
    try:
        contestants = (
            Perdure("activities", "bench.activities", "Activities", client, house),
            Perdure("local activities", "bench.local", "LocalActivities", client, house),
        )
        for contestant in contestants:
            await contestant.listen()
        yield contestants
    finally:
        await client.close()


@asynccontextmanager
async def publishing_agents(house: House) -> AsyncIterator[Perdure]:
    """Open one plain NATS client, with which runs of agents are asked for."""
    client = await house.connect()
    try:
        contestant = Perdure("agents", "bench.agents", "AgentRun", client, house)
        await contestant.listen()
        yield contestant
    finally:
        await client.close()


@asynccontextmanager
async def open_house(folder: Path, more: Mapping[str, Any] = MappingProxyType({})) -> AsyncIterator[House]:
    """Run ``perdure up`` in a folder of its own, with more keys if need be, for as long as the block lasts."""
    folder.mkdir()
    (folder / "perdure.yaml").write_text(
        yaml.safe_dump({**_CONFIGURATION, "approvals": {"keys": str(folder / "keys")}, **more})
    )
    began = time.monotonic()
    up = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("perdure"),
        "up",
        "--json",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        endpoints = await _told(up)
        ready_seconds = time.monotonic() - began
        operator = State(folder / ".perdure").seed("operator")
        yield House(
            endpoints, operator, ready_seconds, {name: psutil.Process(pid) for name, pid in endpoints.pids.items()}
        )
    finally:
        if up.returncode is None:
            up.send_signal(signal.SIGINT)
        async with asyncio.timeout(_STOPS_WITHIN):
            await up.communicate()


async def _told(up: asyncio.subprocess.Process) -> Endpoints:
    assert up.stdout is not None
    async for line in up.stdout:
        if "services" in json.loads(line):
            return Endpoints.model_validate_json(line)
    raise RuntimeError("perdure up did not come up; what it said stands above.")

"""Ingest alone: nats-server, ingest processes, and functions to publish events."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
import psutil
import yaml
from nats.aio.client import Client
from nats.js import JetStreamContext

from perdure.chaos.wire import open_wire
from perdure.local.ports import choose_ports
from perdure.local.program import Program, http_ready
from perdure.local.servers import nats_program
from perdure.local.supervisor import supervised

__all__ = ["FrontDoor", "open_front_door", "publish_events", "wait_until_stored"]

_CONFIGURATION: Final = {
    "routes": [
        {
            "on": "bench.burst",
            "start": "Burst",
            "when": "data.number >= 0",
            "schema": {"type": "object", "required": ["number"], "properties": {"number": {"type": "integer"}}},
        },
        {"on": "bench.waiting", "start": "Waiting", "flow": {"max_open": 1}},
        {"on": "bench.held", "start": "Held", "flow": {"max_open": 5_000}},
    ],
}
_BODY: Final = 1_024  # bytes
_UNACKNOWLEDGED: Final = 1_000  # publishes at most
_POLL_EVERY: Final = 0.02  # seconds
_STUCK_AFTER: Final = 60.0  # seconds without one more message


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """The running server and ingest processes."""

    server: str
    client: Client
    js: JetStreamContext
    nats: psutil.Process
    ingests: tuple[psutil.Process, ...]

    @property
    def ingest(self) -> psutil.Process:
        """The first ingest process."""
        return self.ingests[0]


@asynccontextmanager
async def open_front_door(folder: Path, *, delay: float = 0.0, ingests: int = 1) -> AsyncIterator[FrontDoor]:
    """Run nats-server and ingest in a new folder for as long as the block lasts.

    Args:
        folder: The folder.
        delay: Seconds that each byte takes between the two, in each direction.
        ingests: The number of ingest processes.
    """
    folder.mkdir()
    configuration = folder / "perdure.yaml"
    configuration.write_text(yaml.safe_dump(_CONFIGURATION))
    names = [f"ingest-{number}" for number in range(1, ingests + 1)]
    ports = choose_ports(dict.fromkeys(["nats", "nats_monitor", *names], 0), remembered={}, requested={})
    server = f"nats://127.0.0.1:{ports['nats']}"
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(open_wire("127.0.0.1", ports["nats"]))
        wire.delay = delay
        seen = f"nats://127.0.0.1:{wire.port}" if delay else server
        programs = [_ingest(name, ports[name], seen, configuration) for name in names]
        supervisor = await stack.enter_async_context(
            supervised([nats_program(folder, ports), *programs], folder / "logs", lambda _: None)
        )
        client = await nats.connect(server)
        nats_process, *processes = [psutil.Process(supervisor.pid(name)) for name in ("nats", *names)]
        try:
            yield FrontDoor(server, client, client.jetstream(timeout=_STUCK_AFTER), nats_process, tuple(processes))
        finally:
            await client.close()


def _ingest(name: str, port: int, server: str, configuration: Path) -> Program:
    where = f"http://127.0.0.1:{port}"
    return Program(
        name,
        [sys.executable, "-m", "perdure_ingest"],
        where,
        http_ready(f"{where}/readyz"),
        {
            "PERDURE_CONFIG": str(configuration),
            "PERDURE_STATE": str(configuration.parent),
            "PERDURE_NATS__SERVERS": json.dumps([server]),
            "PERDURE_INGEST__HTTP_PORT": str(port),
        },
    )


async def publish_events(js: JetStreamContext, subject: str, events: int) -> None:
    """Publish bodies of 1 KiB as fast as the server stores them, each with a new message id."""
    burst = uuid4().hex  # a known message id would be a duplicate, which the server acknowledges without storing
    for first in range(0, events, _UNACKNOWLEDGED):
        numbers = range(first, min(first + _UNACKNOWLEDGED, events))
        await asyncio.gather(
            *(
                js.publish(subject, _body(it), headers={"Nats-Msg-Id": f"{burst}.{it}"}, timeout=_STUCK_AFTER)
                for it in numbers
            )
        )


def _body(number: int) -> bytes:
    empty = json.dumps({"number": number, "text": ""})
    return json.dumps({"number": number, "text": "x" * (_BODY - len(empty))}).encode()


async def wait_until_stored(js: JetStreamContext, stream: str, messages: int) -> None:
    """Wait until a stream holds so many messages."""
    held, since = -1, time.monotonic()
    while held < messages:
        found = (await js.stream_info(stream)).state.messages
        if found > held:
            held, since = found, time.monotonic()
        elif time.monotonic() - since > _STUCK_AFTER:
            raise RuntimeError(
                f"{stream} holds {held} of {messages} messages and has received none for {_STUCK_AFTER:.0f} s."
            )
        await asyncio.sleep(_POLL_EVERY)

"""A role's nkey is replaced while its services run: they go on with the new one, whatever comes first."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable
from perdure.local.nkeys import ensure_nkeys, seed_file
from tests.support.binaries import binary
from tests.support.ports import free_port
from tests.support.secret_file import write_secret


class Keys:
    """A server that knows one key, and the file of the client's seed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seed, self.port = folder, folder / "ingest.nk", free_port()
        self.public = {name: ensure_nkeys(folder / name, ["ingest"])["ingest"] for name in ("old", "new")}
        self.give_client("old")
        self._write("old")

    @property
    def settings(self) -> NatsSettings:
        return NatsSettings(servers=(f"nats://127.0.0.1:{self.port}",), nkey_seed_file=self.seed)

    def give_client(self, name: str) -> None:
        write_secret(self.seed, seed_file(self.folder / name, "ingest").read_text())

    @contextmanager
    def server(self) -> Iterator[None]:
        command = [binary("nats-server"), "-c", str(self._file), "-a", "127.0.0.1", "-p", str(self.port)]
        with subprocess.Popen([*command, "-js", "-sd", str(self.folder)], stderr=subprocess.DEVNULL) as self.process:
            try:
                yield
            finally:
                self.process.terminate()

    def give_server(self, name: str) -> None:
        self._write(name)
        self.process.send_signal(signal.SIGHUP)

    @property
    def _file(self) -> Path:
        return self.folder / "nats.conf"

    def _write(self, name: str) -> None:
        users = f"users: [{{nkey: {self.public[name]}}}]"
        self._file.write_text(f"accounts {{ A {{ {users}, jetstream: enabled }} }}")


@pytest.mark.parametrize(
    ("meanwhile", "error"), [(None, "authorization violation"), ("no seed", "the credentials cannot be used")]
)
async def test_a_service_goes_on_with_the_key_that_replaces_its_own(
    meanwhile: str | None, error: str, tmp_path: Path
) -> None:
    keys, handled = Keys(tmp_path), asyncio.Queue[str]()

    async def handle(message: Any) -> None:
        await handled.put(message.raw.subject)

    with keys.server():
        async with connect(keys.settings, source="perdure/test", within=5) as bus:
            await provision(bus.js, "ingest")
            app = App("ingest", [Subscription("EVENTS", handle)])
            async with subscribed(app, bus, keys.settings, CollectorRegistry()) as client:
                if meanwhile is not None:
                    keys.seed.write_text(meanwhile)
                keys.give_server("new")
                async with asyncio.timeout(20):
                    while error not in str(client.last_error).lower():
                        await asyncio.sleep(0.05)
                keys.give_client("new")
                async with asyncio.timeout(30):
                    while not await publishes(bus):
                        await asyncio.sleep(0.1)
                    assert await handled.get() == "events.a"


async def publishes(bus: NatsBus) -> bool:
    try:
        return await bus.publish_raw(RawMessage("events.a", b"{}", {})) > 0
    except Unavailable:
        return False

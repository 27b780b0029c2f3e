"""Clients of NATS with the credentials of one role, and a nats-server with the files of deploy/nats."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nats
from nats.aio.client import Client

from perdure.bus import NatsBus, connect
from perdure.bus.accounts import key_variable
from perdure.bus.jetstream.provision import provision
from perdure.bus.permissions import ROLES
from perdure.config.settings import NatsSettings
from perdure.local.nkeys import ensure_nkeys, seed_file
from perdure.local.program import http_ready
from perdure.local.services import SERVICES
from tests.support.binaries import binary
from tests.support.ports import free_port

__all__ = ["RoleClient", "Server", "deployed_server"]

_DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "nats"


@dataclass
class Server:
    """A nats-server with accounts, and the folder of the roles' seeds."""

    where: str
    nkeys: Path

    def settings(self, role: str) -> NatsSettings:
        return NatsSettings(servers=(self.where,), nkey_seed_file=seed_file(self.nkeys, role))

    @asynccontextmanager
    async def client(self, role: str) -> AsyncIterator["RoleClient"]:
        role_client = RoleClient()
        prefix = {"publisher": "_INBOX", "team": "_INBOX_people"}.get(role, f"_INBOX_{role}")
        seed = str(seed_file(self.nkeys, role))
        role_client.nats = await nats.connect(
            self.where, nkeys_seed=seed, inbox_prefix=prefix, error_cb=role_client.record, allow_reconnect=False
        )
        try:
            yield role_client
        finally:
            await role_client.nats.close()

    def operator(self) -> AbstractAsyncContextManager[NatsBus]:
        return connect(self.settings("operator"), source="perdure/test", within=5)


@dataclass
class RoleClient:
    """A NATS client with the credentials of a role, and the errors that the server reported to it."""

    nats: Client = field(default_factory=Client)
    errors: list[str] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # errors name a subject, not the call

    async def record(self, error: Exception) -> None:
        self.errors.append(str(error).lower())

    async def may_publish(self, subject: str, body: bytes = b"", reply: str = "") -> bool:
        """Return whether the server allows it; it reports a violation before it answers a later ping."""
        async with self._turn:
            await self.nats.publish(subject, body, reply=reply)
            return await self._is_allowed("publish", subject)

    async def may_subscribe(self, subject: str) -> bool:
        async with self._turn:
            subscription = await self.nats.subscribe(subject)
            allowed = await self._is_allowed("subscription", subject)
            if allowed:
                await subscription.unsubscribe()
            return allowed

    async def _is_allowed(self, operation: str, subject: str) -> bool:
        await self.nats.flush()  # nats-py's ping may overtake messages that are not sent yet
        await self.nats.flush()
        new, self.errors = self.errors, []
        assert all(f'permissions violation for {operation} to "{subject.lower()}"' in error for error in new), new
        return not new


@contextmanager
def deployed_server(parent: Path) -> Iterator[Server]:
    """Run a server with the files of deploy/nats, on free ports, with its example users."""
    folder = shutil.copytree(_DEPLOY, parent / "nats", dirs_exist_ok=True)
    keys = ensure_nkeys(folder / "seeds", [*ROLES, "team", "deploybot", "stranger"])
    client, monitor = free_port(), free_port()
    configuration = (folder / "nats.conf").read_text().replace("0.0.0.0:4222", f"127.0.0.1:{client}")
    configuration = configuration.replace("0.0.0.0:8222", f"127.0.0.1:{monitor}").replace("/data", str(folder / "data"))
    (folder / "nats.conf").write_text(configuration)
    before, _, example = (folder / "publishers.conf").read_text().partition("  # {nkey: UTEAM")
    team = f"{{nkey: {keys['team']}{example.replace('  # ', '')}"
    (folder / "publishers.conf").write_text(before + team)
    before, _, example = (folder / "bots.conf").read_text().partition("  # {nkey: UBOT")
    bot = f"{{nkey: {keys['deploybot']}{example.replace('  # ', '')}"
    (folder / "bots.conf").write_text(before + bot)
    environment = {**os.environ, **{key_variable(role): keys[role] for role in ROLES}}
    command = [binary("nats-server"), "-c", str(folder / "nats.conf"), "-l", str(folder / "log")]
    with subprocess.Popen(command, env=environment) as process:
        running = Server(f"nats://127.0.0.1:{client}", folder / "seeds")
        try:
            asyncio.run(_prepare(running, monitor))
            yield running
        finally:
            process.terminate()


async def _prepare(server: Server, monitor: int) -> None:
    """Wait for the server, and provision it as each service."""
    ready = http_ready(f"http://127.0.0.1:{monitor}/healthz?js-enabled-only=true")
    async with asyncio.timeout(20):
        while not await ready():
            await asyncio.sleep(0.05)
        for service in SERVICES:
            settings = server.settings(service)
            async with connect(settings, source=f"perdure/{service}", role=service, within=5) as bus:
                await provision(bus.js, service)

"""The console on a bus, as a real HTTP server in this process, and people who look at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from perdure.approvers import SigningKey
from perdure.bus import NatsBus
from perdure.config.services import ConsoleSettings
from perdure.local.secret_files import SecretFiles
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health, endpoints
from perdure_console.app import console_app
from perdure_console.desk import Desk
from perdure_console.feed import BusFeed
from perdure_console.identity import Identities
from perdure_console.live import Live
from tests.support.people import approvers_file, directory
from tests.support.ports import free_port

__all__ = ["Pages", "open_pages"]


@dataclass
class Pages:
    """A running console.

    Attributes:
        address: Its base URL.
        links: The links by which people enter.
        keys: The key of each approver, by name.
    """

    address: str
    links: SecretFiles
    keys: dict[str, SigningKey]

    def visitor(self, **headers: str) -> httpx2.AsyncClient:
        """Return a browser that nobody has logged in; it sends the origin that browsers send."""
        return httpx2.AsyncClient(base_url=self.address, headers={"Origin": self.address, **headers}, trust_env=False)

    @asynccontextmanager
    async def entered(self, person: str) -> AsyncIterator[httpx2.AsyncClient]:
        """Return the browser of a person who has entered by a link."""
        async with self.visitor() as visitor:
            answer = await visitor.post("/enter", data={"token": self.links.issue(person)})
            assert answer.status_code == 303, answer.text
            yield visitor


@asynccontextmanager
async def open_pages(bus: NatsBus, folder: Path, *approvers: str, **settings: Any) -> AsyncIterator[Pages]:
    """Serve the console on a bus, with these approvers; further arguments are its section of the configuration."""
    own = ConsoleSettings(http_port=free_port(), **settings)
    keys = {name: SigningKey.new() for name in approvers}
    file = approvers_file(folder / "approvers.yaml", directory(keys))
    links, sessions = (SecretFiles(folder / it, timedelta(hours=1)) for it in ("links", "sessions"))
    health, feed, identities = Health("console"), BusFeed(bus), Identities(own, file, sessions)
    live = Live(feed, identities)
    async with endpoints(own, health), background(feed.run()):
        await feed.started()
        health.front = console_app(own, Desk(bus, file, (), feed, live, identities, links))
        try:
            yield Pages(f"http://127.0.0.1:{own.http_port}", links, keys)
        finally:
            live.close()

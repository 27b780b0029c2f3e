"""Runs the console: ``python -m perdure_console``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.approvers import ApproversFile
from perdure.bus.jetstream.bus import NatsBus
from perdure.config.settings import Settings
from perdure.local.secret_files import console_links, console_sessions
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.service import run_door
from perdure_console.app import console_app
from perdure_console.desk import Desk
from perdure_console.feed import BusFeed
from perdure_console.identity import Identities
from perdure_console.live import Live


@asynccontextmanager
async def _open(settings: Settings, bus: NatsBus, health: Health) -> AsyncIterator[None]:
    feed, approvers = BusFeed(bus), ApproversFile(settings.approvers_file)
    identities = Identities(settings.console, approvers, console_sessions(settings.state))
    live = Live(feed, identities)
    desk = Desk(bus, approvers, settings.routes, feed, live, identities, console_links(settings.state))
    async with background(feed.run()):
        await feed.started()
        health.front = console_app(settings.console, desk)
        try:
            yield
        finally:
            live.close()


if __name__ == "__main__":
    run_door("console", _open)

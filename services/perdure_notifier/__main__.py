"""Runs the notifier service: ``python -m perdure_notifier``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.bus.app import App
from perdure.bus.nats import NatsBus
from perdure.endpoints import Health
from perdure.service import run
from perdure.settings import Settings
from perdure_notifier.app import create_app
from perdure_notifier.channels import open_channels


@asynccontextmanager
async def _around(settings: Settings, bus: NatsBus, _health: Health) -> AsyncIterator[App]:
    async with open_channels(settings.notifier) as channels:
        yield create_app(bus, channels)


if __name__ == "__main__":
    run("notifier", _around)

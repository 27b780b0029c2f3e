"""Runs the ingest service: ``python -m perdure_ingest``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.bus.app import App
from perdure.bus.nats import NatsBus
from perdure.endpoints import Health
from perdure.service import run
from perdure.settings import Settings
from perdure_ingest.app import create_app


@asynccontextmanager
async def _around(settings: Settings, bus: NatsBus, _health: Health) -> AsyncIterator[App]:
    yield create_app(settings, bus)


if __name__ == "__main__":
    run("ingest", _around)

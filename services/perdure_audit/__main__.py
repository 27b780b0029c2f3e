"""Runs the audit service: ``python -m perdure_audit``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.config.settings import Settings
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.service import run
from perdure_audit.app import create_app
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import open_store


@asynccontextmanager
async def _open(settings: Settings, bus: NatsBus, health: Health) -> AsyncIterator[App]:
    async with open_store(settings) as store:
        health.checks["a store that can be written"] = store.is_writable
        keys = LedgerKeys(settings.ledger_key, settings.audit.ledger)
        checkpoints = Checkpoints(store.engine, settings.audit.ledger, keys, bus)
        health.facts["problem"] = lambda: store.problem or checkpoints.refusal
        health.sources["checkpoints"] = checkpoints.age
        async with background(checkpoints.run()):
            yield create_app(store, bus, keys, await store.highest())


if __name__ == "__main__":
    run("audit", _open)

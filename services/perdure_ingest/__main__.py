"""Runs the ingest service: ``python -m perdure_ingest``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.lease import Lease, Leases
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.config.settings import Settings
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.holder import lease_holder
from perdure.runtime.server_clock import ServerClock
from perdure.runtime.service import run
from perdure_ingest.app import create_app
from perdure_ingest.backfill import backfill_responders
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.held_starts import cancel_responder
from perdure_ingest.outcomes import outcome_responder
from perdure_ingest.rules import compile_rules
from perdure_ingest.verdict_log import VerdictLog

_LEASE: Final = timedelta(seconds=10)
"""So long after a process has died that handled events in order, another takes over."""


@asynccontextmanager
async def _open(settings: Settings, bus: NatsBus, _health: Health) -> AsyncIterator[App]:
    rules = compile_rules(settings.routes)
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    verdicts = VerdictLog(bus, rules)
    entries = NatsKeyValue(bus.js, "FLOW")
    holder = lease_holder(settings.ingest)
    clock = ServerClock(bus)
    await clock.ask()
    queues = RouteQueues(rules, bus=bus, entries=entries, ledger=ledger, verdicts=verdicts, holder=holder, clock=clock)
    leases = Leases(entries, holder, Lease, duration=_LEASE)
    limit = settings.ingest.max_payload_bytes
    responders = [
        outcome_responder(bus, ledger, rules),
        cancel_responder(queues),
        *backfill_responders(bus, rules, queues, ledger, verdicts, max_payload_bytes=limit),
    ]
    async with background(*queues.duties()):
        yield create_app(settings, rules, queues, verdicts, responders, leases=leases, now=clock.now)


if __name__ == "__main__":
    run("ingest", _open)

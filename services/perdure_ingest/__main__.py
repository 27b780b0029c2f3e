"""Runs the ingest service: ``python -m perdure_ingest``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.bus.app import App
from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.config.settings import Settings
from perdure.runtime.background import background
from perdure.runtime.endpoints import Health
from perdure.runtime.holder import lease_holder
from perdure.runtime.service import run
from perdure_ingest.app import create_app
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.outcomes import outcome_responder
from perdure_ingest.rules import compile_rules
from perdure_ingest.verdict_log import VerdictLog


@asynccontextmanager
async def _open(settings: Settings, bus: NatsBus, _health: Health) -> AsyncIterator[App]:
    rules = compile_rules(settings.routes)
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    verdicts = VerdictLog(bus, rules)
    queues = RouteQueues(
        rules,
        bus=bus,
        entries=NatsKeyValue(bus.js, "FLOW"),
        ledger=ledger,
        verdicts=verdicts,
        holder=lease_holder(settings.ingest),
    )
    async with background(*queues.duties()):
        yield create_app(settings, rules, queues, verdicts, [outcome_responder(bus, ledger, rules)])


if __name__ == "__main__":
    run("ingest", _open)

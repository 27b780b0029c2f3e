"""The ingest app on any bus; its state is in memory by default."""

from typing import Any

from perdure.bus import Bus, KeyValue, MemoryKeyValue
from perdure.bus.app import App
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings
from perdure_ingest.app import create_app
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import compile_rules

__all__ = ["create_ingest", "create_queues"]


def create_queues(
    settings: Settings, bus: Any, *, entries: KeyValue | None = None, ledger: KeyValue | None = None
) -> RouteQueues:
    return RouteQueues(
        compile_rules(settings.routes),
        bus=bus,
        entries=entries or MemoryKeyValue(),
        ledger=StartLedger(ledger or MemoryKeyValue()),
    )


def create_ingest(settings: Settings, bus: Bus, queues: RouteQueues | None = None) -> App:
    return create_app(settings, compile_rules(settings.routes), queues or create_queues(settings, bus))

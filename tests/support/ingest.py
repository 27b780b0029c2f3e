"""Ingest on any bus, with whatever it keeps in memory unless told otherwise."""

from typing import Any

from perdure.bus import Bus, KeyValue, MemoryKeyValue
from perdure.bus.app import App
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings
from perdure_ingest.app import create_app
from perdure_ingest.flow_control import Handover
from perdure_ingest.rules import compile_rules

__all__ = ["create_ingest", "open_handover"]


def open_handover(
    settings: Settings, bus: Any, *, entries: KeyValue | None = None, ledger: KeyValue | None = None
) -> Handover:
    return Handover(
        compile_rules(settings.routes),
        bus=bus,
        entries=entries or MemoryKeyValue(),
        ledger=StartLedger(ledger or MemoryKeyValue()),
    )


def create_ingest(settings: Settings, bus: Bus, handover: Handover | None = None) -> App:
    return create_app(settings, compile_rules(settings.routes), handover or open_handover(settings, bus))

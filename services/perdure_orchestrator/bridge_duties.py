"""What a bridge does beside its messages, again and again, for as long as it lives."""

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from temporalio.client import Client

from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.key_value import KeyValue
from perdure.config.settings import Settings
from perdure_orchestrator.endings import EndedRuns
from perdure_orchestrator.mended_runs import FORGET_EVERY, MendedRuns
from perdure_orchestrator.open_runs import RENEW_EVERY, OpenRunFacts
from perdure_orchestrator.reconciler import LOOK_BACK_EVERY, Reconciler
from perdure_orchestrator.repetition import repeat_for_ever
from perdure_orchestrator.room_watch import LOOK_EVERY, RoomWatch
from perdure_orchestrator.run_attributes import READ_EVERY, RunAttributes

__all__ = ["bridge_duties"]


def bridge_duties(  # noqa: PLR0913 (its ports)
    client: Client,
    bus: NatsBus,
    settings: Settings,
    *,
    entries: KeyValue,
    ended: EndedRuns,
    attributes: RunAttributes,
) -> Iterator[Coroutine[Any, Any, None]]:
    """Yield the duties; each ends only with its process."""
    reconciler = Reconciler(client, bus, settings.temporal, entries=entries, ended=ended)
    yield repeat_for_ever(reconciler.reconcile, settings.orchestrator.reconcile_every, what="reconcile endings")
    yield repeat_for_ever(reconciler.look_back, LOOK_BACK_EVERY, what="look back at completed runs")
    facts = OpenRunFacts(client, bus, settings.temporal)
    yield repeat_for_ever(facts.renew, RENEW_EVERY, what="renew the facts of open runs")
    yield repeat_for_ever(MendedRuns(client, bus).forget, FORGET_EVERY, what="forget mended runs")
    watch = RoomWatch(bus, bus.js, settings.nats.stream_limits, _own_state(settings))
    yield repeat_for_ever(watch.look, LOOK_EVERY, what="look at the room of streams and disks")
    yield repeat_for_ever(attributes.look, READ_EVERY, what="read the search attributes")


def _own_state(settings: Settings) -> Path | None:
    """Return the state folder if all parts of the suite have theirs in it."""
    return settings.state if settings.execution_engine == "local" else None

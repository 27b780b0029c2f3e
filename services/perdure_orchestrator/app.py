"""The bridge as an app: which streams it consumes and which requests it answers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

from temporalio.client import Client

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.bus.app import App, Ordered, Responder, Subscription
from perdure.bus.duty import Duty
from perdure.bus.lease import Lease, Leases
from perdure.bus.objects import ErasableObjects
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings
from perdure.contracts.erasures import ERASE_RUN
from perdure.contracts.histories import LIST_HISTORIES
from perdure.contracts.run_acts import ACT_ON_RUN
from perdure.contracts.runs import DESCRIBE_RUN, FIND_RUNS
from perdure.contracts.schedules import LIST_SCHEDULES
from perdure.runtime.holder import lease_holder
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.command_lanes import command_lanes
from perdure_orchestrator.decision_floor import DecisionFloor
from perdure_orchestrator.description import describe
from perdure_orchestrator.early_places import EarlyPlaces
from perdure_orchestrator.found_runs import find
from perdure_orchestrator.histories import HistoryPages
from perdure_orchestrator.identified_decision import Approvers
from perdure_orchestrator.parsing import run_lanes
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_acts import RunActor
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_eraser import RunEraser
from perdure_orchestrator.schedules.reconciliation import RouteSchedules

__all__ = ["ENTRIES", "Role", "create_app"]

ENTRIES: Final = "BRIDGE"
"""Name of the bucket that all bridges share; see ``topology.BUCKETS``."""

_LEASE: Final = timedelta(seconds=10)
"""So long after a bridge has died, another takes over the decisions and signals; it renews three times as often."""

_REQUESTS: Final = 32
"""So many requests of a kind are answered at once: one that Temporal answers late holds up no other."""

Role = Literal["both", "bridge", "worker"]
"""What a process of the orchestrator does. By default both share a client, so that starts are eager: one hop less."""


def create_app(  # noqa: PLR0913 (its ports)
    client: Client,
    bus: Bus,
    ledger: StartLedger,
    registry: Registry,
    settings: Settings,
    *,
    approvers: Approvers,
    entries: KeyValue,
    now: Callable[[], datetime],
    objects: ErasableObjects | None = None,
    attributes: RunAttributes | None = None,
    schedules: RouteSchedules | None = None,
    duty: Duty | None = None,
    unless_paused: Duty | None = None,
    verify_ahead: Callable[[StoredMessage], None] | None = None,
) -> App:
    """Build the bridge; nothing is consumed until the app runs.

    Args:
        client: The client of Temporal.
        bus: The bus.
        ledger: The start ledger.
        registry: What may be started.
        settings: The configuration.
        approvers: Whose signatures count.
        entries: The bucket that all bridges share: leases, and the places of decisions.
        now: Returns the time (UTC) of the NATS server.
        objects: Where large payloads are; by default no run is erased.
        attributes: Which search attributes runs begin with; by default none.
        schedules: The schedules of routes, for requests about them.
        duty: Is on while new runs start on the code of this process; by default always.
        unless_paused: Is on unless the suite is paused; by default always.
        verify_ahead: Called with each decision that is about to be handed to a run; for a worker in this process.
    """
    duty = duty or Duty()
    bridge = Bridge(
        client,
        bus,
        ledger,
        registry=registry,
        approvers=approvers,
        entries=entries,
        settings=settings.temporal,
        verify_ahead=verify_ahead,
        attributes=attributes,
        is_current=lambda: duty.is_on,
        now=now,
    )
    holder = lease_holder(settings.orchestrator)
    actor = RunActor(client, bus, ledger, settings.temporal, RetryTurns(entries, holder, now))
    leases = Leases(entries, holder, Lease, duration=_LEASE)
    return App(
        "orchestrator",
        subscriptions=[
            # Acks are confirmed: a signal that is redelivered after its run has ended would become a dead letter.
            Subscription(
                "COMMANDS",
                bridge.command,
                confirm_acks=True,
                ordered=Ordered(command_lanes, leases) if any(route.order for route in settings.routes) else None,
            ),
            Subscription(
                "DECISIONS",
                bridge.decision,
                confirm_acks=True,
                ordered=Ordered(run_lanes, leases, beside=bridge.decisions.release_early, now=now),
            ),
            Subscription(
                "SIGNALS",
                bridge.signal,
                confirm_acks=True,
                ordered=Ordered(run_lanes, leases, beside=bridge.release_early, now=now),
            ),
        ],
        responders=[
            Responder(DESCRIBE_RUN, partial(describe, client), _REQUESTS),
            Responder(FIND_RUNS, partial(find, client), _REQUESTS),
            Responder(LIST_HISTORIES, HistoryPages(client, settings.temporal.task_queue).answer),
            *([] if schedules is None else [Responder(LIST_SCHEDULES, schedules.answer)]),
            Responder(ACT_ON_RUN, actor.answer, _REQUESTS),
            *([] if objects is None else [Responder(ERASE_RUN, RunEraser(client, bus, objects).answer)]),
        ],
        done_until={
            "DECISIONS": DecisionFloor(bus, entries).done_until,
            **{stream: EarlyPlaces(entries, stream).done_until for stream in ("COMMANDS", "SIGNALS")},
        },
        duty=duty,
        unless_paused=unless_paused or Duty(),
    )

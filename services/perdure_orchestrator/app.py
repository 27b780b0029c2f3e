"""The bridge as an app: which streams it consumes and which requests it answers."""

from functools import partial
from typing import Literal

from temporalio.client import Client

from perdure.approvers import ApproversFile
from perdure.bus import Bus
from perdure.bus.app import App, Responder, Subscription
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import Settings
from perdure.contracts.runs import DESCRIBE_RUN
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.description import describe
from perdure_orchestrator.registry import Registry

__all__ = ["Role", "create_app"]

Role = Literal["both", "bridge", "worker"]
"""What a process of the orchestrator does. By default both share a client, so that starts are eager: one hop less."""


def create_app(client: Client, bus: Bus, ledger: StartLedger, registry: Registry, settings: Settings) -> App:
    """Build the bridge; nothing is consumed until the app runs."""
    approvers = ApproversFile(settings.approvers_file)
    bridge = Bridge(client, bus, ledger, registry=registry, approvers=approvers, settings=settings.temporal)
    return App(
        "orchestrator",
        subscriptions=[
            # Acks are confirmed: a signal that is redelivered after its run has ended would become a dead letter.
            Subscription("COMMANDS", bridge.command, confirm_acks=True),
            Subscription("DECISIONS", bridge.decision, confirm_acks=True),
            Subscription("SIGNALS", bridge.signal, confirm_acks=True),
        ],
        responders=[Responder(DESCRIBE_RUN, partial(describe, client))],
    )

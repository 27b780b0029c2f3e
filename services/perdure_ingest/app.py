"""The ingest app: subscribes to events and dead letters, and publishes commands and verdicts."""

from collections.abc import Callable, Sequence
from datetime import datetime

from perdure.bus.app import App, Ordered, Responder, Subscription
from perdure.bus.lease import Lease, Leases
from perdure.config.settings import Settings
from perdure.values.utc import utc_now
from perdure_ingest.acceptance import Acceptance
from perdure_ingest.event_lanes import EventLanes
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["create_app"]


def create_app(  # noqa: PLR0913 (its ports)
    settings: Settings,
    rules: tuple[Rule, ...],
    queues: RouteQueues,
    verdicts: VerdictLog,
    responders: Sequence[Responder] = (),
    *,
    leases: Leases[Lease],
    now: Callable[[], datetime] = utc_now,
) -> App:
    """Build the service; nothing connects until the app is run.

    Args:
        settings: The configuration.
        rules: Its routes, compiled.
        queues: The queues of routes with flow control.
        verdicts: Publishes verdicts.
        responders: The requests that it answers.
        leases: Elect the process that handles events, if a route has an ``order``.
        now: The clock by which these expire (UTC).
    """
    limit = settings.ingest.max_payload_bytes
    acceptance, lanes = Acceptance(rules, queues, verdicts, max_payload_bytes=limit), EventLanes(rules, limit)
    ordered = Ordered(lanes, leases, now=now) if lanes.keep_order else None
    events = Subscription("EVENTS", acceptance.accept, ordered=ordered)
    dead_letters = Subscription("DLQ", acceptance.take_dead_letter, traced=False)
    return App("ingest", [events, dead_letters], responders)

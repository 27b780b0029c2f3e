"""The ingest app: subscribes to events and dead letters, and publishes commands and verdicts."""

from collections.abc import Sequence

from perdure.bus.app import App, Responder, Subscription
from perdure.config.settings import Settings
from perdure_ingest.acceptance import Acceptance
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["create_app"]


def create_app(
    settings: Settings,
    rules: tuple[Rule, ...],
    queues: RouteQueues,
    verdicts: VerdictLog,
    responders: Sequence[Responder] = (),
) -> App:
    """Build the service; nothing connects until the app is run."""
    acceptance = Acceptance(rules, queues, verdicts, max_payload_bytes=settings.ingest.max_payload_bytes)
    events = Subscription("EVENTS", acceptance.accept)
    dead_letters = Subscription("DLQ", acceptance.take_dead_letter, traced=False)
    return App("ingest", [events, dead_letters], responders)

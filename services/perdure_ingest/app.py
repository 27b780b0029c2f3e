"""The ingest app: subscribes to events and dead letters, and publishes commands."""

from collections.abc import Sequence

from perdure.bus import StoredMessage, read_event
from perdure.bus.app import App, Responder, Subscription
from perdure.config.settings import Settings
from perdure.errors import InvalidMessage
from perdure_ingest.admission import admit
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival

__all__ = ["create_app"]


def create_app(
    settings: Settings, rules: tuple[Rule, ...], queues: RouteQueues, responders: Sequence[Responder] = ()
) -> App:
    """Build the service; nothing connects until the app is run."""
    limit = settings.ingest.max_payload_bytes

    async def accept(message: StoredMessage) -> None:
        raw = message.raw
        if len(raw.body) > limit:
            raise InvalidMessage("too_large", f"{len(raw.body)} bytes; ingest takes at most {limit}")
        event = read_event(raw, fallback_id=f"{message.stream}.{message.sequence}")
        arrival = Arrival(message.sequence, message.stored_at, raw.headers)
        for admitted in admit(event, arrival, rules=rules):
            await queues.submit(admitted)

    # A redelivered event repeats nothing: commands have message ids, and the start ledger keeps them for longer.
    subscriptions = [Subscription("EVENTS", accept), Subscription("DLQ", queues.free_slot, traced=False)]
    return App("ingest", subscriptions, responders)

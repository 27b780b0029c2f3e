"""Events in, commands out; nothing connects until it is heard."""

from perdure.bus import StoredMessage, read_event
from perdure.bus.app import App, Subscription
from perdure.config.settings import Settings
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Arrival, admit
from perdure_ingest.flow_control import Handover
from perdure_ingest.rules import Rule

__all__ = ["create_app"]


def create_app(settings: Settings, rules: tuple[Rule, ...], handover: Handover) -> App:
    """Build the service."""
    limit = settings.ingest.max_payload_bytes

    async def accept(heard: StoredMessage) -> None:
        if len(heard.raw.body) > limit:
            raise InvalidMessage("too_large", f"{len(heard.raw.body)} bytes; ingest takes at most {limit}")
        event = read_event(heard.raw, fallback_id=f"{heard.stream}.{heard.sequence}")
        arrival = Arrival(heard.sequence, heard.stored_at, heard.raw.headers)
        for admitted in admit(event, arrival, rules=rules):
            await handover.take(admitted)

    # A lost acknowledgement repeats nothing: commands have message ids, and the start ledger knows them for longer.
    return App(
        "ingest", [Subscription("EVENTS", accept), Subscription("DLQ", handover.return_dead_letter, traced=False)]
    )

"""Events in, commands out; nothing connects until it is heard."""

from perdure.bus import Bus, Heard, read_event
from perdure.bus.app import App, Hears
from perdure.errors import InvalidMessage
from perdure.settings import Settings
from perdure_ingest.admission import admit
from perdure_ingest.rules import compile_rules

__all__ = ["create_app"]


def create_app(settings: Settings, bus: Bus) -> App:
    """Build the service.

    Raises:
        SetupError: A route is wrong.
    """
    rules = compile_rules(settings.routes)
    limit = settings.ingest.max_payload_bytes

    async def accept(heard: Heard) -> None:
        if len(heard.wire.body) > limit:
            raise InvalidMessage("too_large", f"{len(heard.wire.body)} bytes; ingest takes at most {limit}")
        event = read_event(heard.wire, fallback_id=f"{heard.stream}.{heard.sequence}")
        for command in admit(event, rules=rules, stream_sequence=heard.sequence):
            await bus.say(command)

    return App("ingest", [Hears("EVENTS", accept)])

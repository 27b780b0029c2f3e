"""One event: its data, the verdict of each route, and what became of it."""

from collections.abc import Mapping
from typing import Any, Final

from perdure.bus.events import PREFIX
from perdure.bus.views.event_runs import event_in, find_event, place_id
from perdure.bus.views.event_verdicts import verdict_messages
from perdure.contracts import last_words
from perdure.errors import NotFound
from perdure_console.desk import Desk
from perdure_console.explaining import explain
from perdure_console.identity import Person
from perdure_console.pages import LivePage

__all__ = ["PAGE"]


async def _load(desk: Desk, _: Person, query: Mapping[str, str]) -> dict[str, Any]:
    name = query.get("id", "")
    message = await find_event(desk.bus, name)
    if message is None:
        raise NotFound(f"No stored event has the id {name}.")
    event = event_in(message)
    verdicts = [it for _, verdict in await verdict_messages(desk.bus, message) for it in verdict.routes]
    return {
        "name": place_id(message) if event is None else event.id,
        "event": event,
        "event_type": message.raw.subject.removeprefix(PREFIX),
        "place": f"EVENTS {message.sequence}",
        "stored_at": message.stored_at,
        "verdicts": last_words(verdicts),
        "found": await explain(desk, f"EVENTS:{message.sequence}"),
    }


PAGE: Final = LivePage(
    "/event", "event.html", "event_middle.html", _load, lambda _: ("verdicts.>", "progress.>", "dlq.>")
)

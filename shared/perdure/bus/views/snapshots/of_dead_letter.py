"""What is known of a dead letter: itself, or what an operator made of it."""

from contextlib import aclosing
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, header
from perdure.bus.port import StoredMessage
from perdure.bus.views.newest import newest_headers
from perdure.bus.views.snapshots.sources import AskedSources, cited
from perdure.contracts import DeadLetter, DeadLetterSettled
from perdure.explain import Cited

__all__ = ["dead_letter_at", "settlements_of"]

_ACTS: Final = "admin.dead_letter.*"
_SEARCHED: Final = 10_000  # acts, the newest first


async def dead_letter_at(sources: AskedSources, number: int) -> Cited[DeadLetter] | None:
    """Return the dead letter with this number; None if it is settled, or there was none."""
    return cited(await sources.ask("DLQ", sources.bus.get("DLQ", number), None), DeadLetter)


async def settlements_of(
    sources: AskedSources, *, number: int | None = None, place: StoredMessage | None = None
) -> tuple[Cited[DeadLetterSettled], ...]:
    """Return the acts that settled the dead letter with a number, or that of a message; the newest last."""
    begin = "" if number is None else f"admin.dead_letter.{number}."
    end = "" if place is None else f".{place.stream}.{place.sequence}"

    async def search() -> tuple[Cited[DeadLetterSettled], ...]:
        searched = 0
        async with aclosing(newest_headers(sources.bus, _ACTS)) as acts:
            async for act in acts:
                name = header(act.raw.headers, MESSAGE_ID) or ""
                if name.startswith(begin) and name.endswith(end):
                    found = cited(await sources.bus.get("ADMIN", act.sequence), DeadLetterSettled)
                    return () if found is None else (found,)
                searched += 1
                if searched == _SEARCHED:
                    break
        return ()

    return await sources.ask("ADMIN", search(), ())

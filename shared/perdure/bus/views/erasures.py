"""What was erased, by whom and why: ADMIN's orders, which say it to everybody who finds nothing any more."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import Erasure
from perdure.errors import InvalidMessage, NotFound

__all__ = ["Erasures", "erasure_at", "erasures", "not_found", "read_erasures"]

_ALL: Final = "admin.erasure.>"


class Erasures:
    """All orders, by what they name."""

    def __init__(self, orders: Iterable[Erasure]) -> None:
        self._by_name = {
            name: it for it in orders for name in (*it.places, *map(_without_time, it.places), *it.runs, *it.names)
        }

    def of(self, name: str) -> Erasure | None:
        """Return the newest order that names a run, an event, a request, or a message by its place.

        A place is that of ``Erasure.places``, or ``STREAM:SEQUENCE``.
        """
        return self._by_name.get(name)


async def read_erasures(bus: Bus) -> AsyncIterator[tuple[int, Erasure]]:
    """Yield the orders and what was done, each with its sequence in ADMIN, in order.

    Raises:
        Unavailable: NATS does not answer.
    """
    async for message in bus.read(_ALL):
        if (erasure := _erasure(message)) is not None:
            yield message.sequence, erasure


async def erasure_at(bus: Bus, sequence: int) -> Erasure | None:
    """Return the order at a place in ADMIN; None if none is there.

    Raises:
        Unavailable: NATS does not answer.
    """
    message = await bus.get("ADMIN", sequence)
    found = None if message is None else _erasure(message)
    return found if found is not None and found.act == "ordered" else None


async def erasures(bus: Bus) -> Erasures:
    """Return all orders.

    Raises:
        Unavailable: NATS does not answer.
    """
    return Erasures([it async for _, it in read_erasures(bus) if it.act == "ordered"])


async def not_found(bus: Bus, name: str, problem: str) -> NotFound:
    """Return the error for what nobody has: it was erased, or else the problem.

    Raises:
        Unavailable: NATS does not answer.
    """
    erased = (await erasures(bus)).of(name)
    return NotFound(problem if erased is None else f"{name} was {erased.sentence}.")


def _without_time(place: str) -> str:
    stream, sequence, _ = place.split(".")
    return f"{stream}:{sequence}"


def _erasure(message: StoredMessage) -> Erasure | None:
    try:
        found = decode(message.raw)
    except InvalidMessage:
        return None
    return found if isinstance(found, Erasure) else None

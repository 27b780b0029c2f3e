"""Settles delivered messages: an ack, a nak with a backoff, or a dead letter and a term."""

import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import Reason
from perdure.errors import InvalidMessage, Unavailable

__all__ = ["Delivery", "Handler", "Settlement", "backoff_seconds", "settle"]

_MIN_BACKOFF_SECONDS: Final = 0.2
_MAX_BACKOFF_SECONDS: Final = 30.0
_DELIVERIES_ON_UNEXPECTED_ERRORS: Final = 5

_log = logging.getLogger(__name__)

Settlement = Literal["acked", "retried", "dead_lettered"]
"""What became of a delivery; ``retried``: the message is delivered again."""

Handler = Callable[[StoredMessage], Awaitable[None]]
"""A service's handler of one message; it returns once its own messages are stored."""


class Delivery(Protocol):
    """A delivered message that is not settled yet."""

    @property
    def message(self) -> StoredMessage:
        """The delivered message."""

    @property
    def deliveries(self) -> int:
        """How many times the message was delivered, this time included."""

    async def ack(self) -> None:
        """Acknowledge the message: it is done."""

    async def nak(self, delay: float) -> None:
        """Ask for redelivery after ``delay`` seconds."""

    async def term(self) -> None:
        """Stop redelivery: the dead letter is stored."""


async def settle(delivery: Delivery, handle: Handler, *, bus: Bus, service: str) -> Settlement:
    """Handle a message, settle it by the class of the error, and return how.

    No error: ack. ``InvalidMessage``: dead letter, then term. ``Unavailable``: nak with a backoff, without limit. Any
    other error: nak with a backoff, and a dead letter at the fifth delivery.
    """
    try:
        await handle(delivery.message)
    except InvalidMessage as error:
        return await _dead_letter(delivery, error.reason, error.detail, bus=bus, service=service)
    except Unavailable as error:
        _log.warning("%s; %s will be redelivered", error, delivery.message.raw.subject)
        await delivery.nak(backoff_seconds(delivery.deliveries))
        return "retried"
    except Exception as error:  # noqa: BLE001 (the boundary: a bug must not stop the service, and is logged)
        _log.exception("cannot handle %s", delivery.message.raw.subject)
        if delivery.deliveries < _DELIVERIES_ON_UNEXPECTED_ERRORS:
            await delivery.nak(backoff_seconds(delivery.deliveries))
            return "retried"
        detail = f"{type(error).__name__}: {error}"
        return await _dead_letter(delivery, "unexpected_error", detail, bus=bus, service=service)
    await delivery.ack()
    return "acked"


def backoff_seconds(tries: int) -> float:
    """Return the seconds to wait before the next try: doubled with every try up to 30, with equal jitter.

    The jitter keeps processes from retrying in step.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling: float = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** min(tries, 16))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 (jitter needs no secure source)


async def _dead_letter(delivery: Delivery, reason: Reason, detail: str, *, bus: Bus, service: str) -> Settlement:
    whole = make_dead_letter(delivery.message, reason, detail, service=service, deliveries=delivery.deliveries)
    try:
        await publish_dead_letter(bus, whole)
    except Unavailable as error:
        _log.warning("%s; the dead letter is not stored, so the message will be redelivered", error)
        await delivery.nak(backoff_seconds(delivery.deliveries))
        return "retried"
    _log.info("dead letter (%s) from %s: %s", reason, delivery.message.raw.subject, whole.detail)
    await delivery.term()
    return "dead_lettered"

"""What becomes of a delivered message is decided here: acknowledged, tried again later, or a dead letter."""

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from perdure.bus.port import Bus, Heard
from perdure.contracts import DeadLetter, Reason
from perdure.errors import InvalidMessage, Unavailable

__all__ = ["LARGEST_BODY_KEPT", "Delivery", "Handle", "backoff", "settle"]

_FIRST_WAIT: Final = 0.2  # seconds
_LONGEST_WAIT: Final = 30.0  # seconds
_TRIES_ON_OUR_OWN_ERRORS: Final = 5

LARGEST_BODY_KEPT: Final = 512 * 1024
"""Bytes of an original that its dead letter repeats; base64 of it fits NATS' default limit of 1 MiB."""

_log = logging.getLogger(__name__)

Handle = Callable[[Heard], Awaitable[None]]
"""What a service does with one message; it returns once the next hop is durable."""


class Delivery(Protocol):
    """A message in our hands until it is settled."""

    @property
    def heard(self) -> Heard:
        """The message."""

    @property
    def deliveries(self) -> int:
        """How often it was delivered, this time included."""

    async def ack(self) -> None:
        """It is done."""

    async def nak(self, delay: float) -> None:
        """Deliver it again, not before ``delay`` seconds."""

    async def term(self) -> None:
        """Never deliver it again; its dead letter is stored."""


async def settle(delivery: Delivery, handle: Handle, *, bus: Bus, service: str) -> None:
    """Handle a message and settle it by the class of the error, if there is one."""
    try:
        await handle(delivery.heard)
    except InvalidMessage as error:
        await _bury(delivery, error.reason, error.detail, bus=bus, service=service)
    except Unavailable as error:
        _log.warning("%s; trying %s again later", error, delivery.heard.wire.subject)
        await delivery.nak(backoff(delivery.deliveries))
    except Exception as error:  # noqa: BLE001 (the boundary: a defect of ours must not stop the service, and is told)
        _log.exception("%s could not be handled", delivery.heard.wire.subject)
        if delivery.deliveries < _TRIES_ON_OUR_OWN_ERRORS:
            await delivery.nak(backoff(delivery.deliveries))
        else:
            await _bury(delivery, "unexpected_error", f"{type(error).__name__}: {error}", bus=bus, service=service)
    else:
        await delivery.ack()


def backoff(tries: int) -> float:
    """Return seconds to wait: doubled with every try, bounded, with full jitter so that nobody comes in step.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries, 16))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 (jitter is no secret)


async def _bury(delivery: Delivery, reason: Reason, detail: str, *, bus: Bus, service: str) -> None:
    try:
        letter = dead_letter(delivery.heard, reason, detail, service=service, deliveries=delivery.deliveries)
        await bus.say(letter)
    except Unavailable as error:
        _log.warning("%s; the dead letter will be said again", error)
        await delivery.nak(backoff(delivery.deliveries))
    else:
        _log.info("dead letter (%s) from %s: %s", reason, delivery.heard.wire.subject, detail)
        await delivery.term()


def dead_letter(heard: Heard, reason: Reason, detail: str, *, service: str, deliveries: int = 1) -> DeadLetter:
    """Make the dead letter of a message; a body that is too large to repeat stays where it lies."""
    fits = len(heard.wire.body) <= LARGEST_BODY_KEPT
    return DeadLetter(
        service=service,
        reason=reason,
        detail=detail,
        original_subject=heard.wire.subject,
        stream=heard.stream,
        stream_sequence=heard.sequence,
        deliveries=deliveries,
        headers=dict(heard.wire.headers),
        body=heard.wire.body if fits else None,
        at=datetime.now(UTC),
    )

"""What becomes of a delivered message is decided here: acknowledged, tried again later, or a dead letter."""

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import DeadLetter, Reason
from perdure.errors import InvalidMessage, Unavailable

__all__ = ["MAX_DEAD_LETTER_BODY_BYTES", "Delivery", "Handler", "backoff_seconds", "settle"]

_FIRST_WAIT: Final = 0.2  # seconds
_LONGEST_WAIT: Final = 30.0  # seconds
_TRIES_ON_OUR_OWN_ERRORS: Final = 5

MAX_DEAD_LETTER_BODY_BYTES: Final = 512 * 1024
"""Bytes of an original that its dead letter repeats; base64 of it fits NATS' default limit of 1 MiB."""

_log = logging.getLogger(__name__)

Handler = Callable[[StoredMessage], Awaitable[None]]
"""What a service does with one message; it returns once the next hop is durable."""


class Delivery(Protocol):
    """A message in our hands until it is settled."""

    @property
    def message(self) -> StoredMessage:
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


async def settle(delivery: Delivery, handle: Handler, *, bus: Bus, service: str) -> None:
    """Handle a message and settle it by the class of the error, if there is one."""
    try:
        await handle(delivery.message)
    except InvalidMessage as error:
        await _dead_letter(delivery, error.reason, error.detail, bus=bus, service=service)
    except Unavailable as error:
        _log.warning("%s; trying %s again later", error, delivery.message.raw.subject)
        await delivery.nak(backoff_seconds(delivery.deliveries))
    except Exception as error:  # noqa: BLE001 (the boundary: a defect of ours must not stop the service, and is told)
        _log.exception("%s could not be handled", delivery.message.raw.subject)
        if delivery.deliveries < _TRIES_ON_OUR_OWN_ERRORS:
            await delivery.nak(backoff_seconds(delivery.deliveries))
        else:
            await _dead_letter(
                delivery, "unexpected_error", f"{type(error).__name__}: {error}", bus=bus, service=service
            )
    else:
        await delivery.ack()


def backoff_seconds(tries: int) -> float:
    """Return seconds to wait: doubled with every try, bounded, with full jitter so that nobody comes in step.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries, 16))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 (jitter is no secret)


async def _dead_letter(delivery: Delivery, reason: Reason, detail: str, *, bus: Bus, service: str) -> None:
    try:
        letter = make_dead_letter(delivery.message, reason, detail, service=service, deliveries=delivery.deliveries)
        await bus.publish(letter)
    except Unavailable as error:
        _log.warning("%s; the dead letter will be said again", error)
        await delivery.nak(backoff_seconds(delivery.deliveries))
    else:
        _log.info("dead letter (%s) from %s: %s", reason, delivery.message.raw.subject, detail)
        await delivery.term()


def make_dead_letter(
    heard: StoredMessage, reason: Reason, detail: str, *, service: str, deliveries: int = 1
) -> DeadLetter:
    """Make the dead letter of a message; a body that is too large to repeat stays where it lies."""
    fits = len(heard.raw.body) <= MAX_DEAD_LETTER_BODY_BYTES
    return DeadLetter(
        service=service,
        reason=reason,
        detail=detail,
        original_subject=heard.raw.subject,
        stream=heard.stream,
        stream_sequence=heard.sequence,
        deliveries=deliveries,
        headers=dict(heard.raw.headers),
        body=heard.raw.body if fits else None,
        at=datetime.now(UTC),
    )

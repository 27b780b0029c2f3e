"""A JetStream delivery, settled with the server's confirmation where a second delivery does harm."""

import asyncio
import logging
from time import monotonic
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.bus.jetstream.messages import delivered_message

__all__ = ["DEAD_LETTERED", "NatsDelivery"]

DEAD_LETTERED: Final = "perdure: its dead letter is stored"
"""Reason of a term, which JetStream repeats in its advisory: that advisory needs no further dead letter."""

_CONFIRM_SECONDS: Final = 15.0  # longer than the election of a leader, shorter than the ack wait
_ATTEMPT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.25  # without a leader the reply "no responders" comes at once

_log = logging.getLogger(__name__)


class NatsDelivery:
    """A delivery of JetStream; see ``Delivery``.

    Args:
        message: nats-py's message.
        confirmed: Whether ``ack`` waits for the server's confirmation; ``term`` always does.
    """

    def __init__(self, message: Msg, *, confirmed: bool) -> None:
        self._message = message
        self._confirmed = confirmed
        self.message = delivered_message(message)
        self.deliveries: int = message.metadata.num_delivered or 1

    async def ack(self) -> None:
        """Acknowledge the message; see ``Delivery.ack``."""
        if self._confirmed:
            await self._confirm(Msg.Ack.Ack)
        else:
            await self._message.ack()

    async def nak(self, delay: float) -> None:
        """Ask for redelivery; see ``Delivery.nak``."""
        await self._message.nak(delay=delay)

    async def in_progress(self) -> None:
        """Renew the ack wait: the message is still being handled."""
        await self._message.in_progress()

    async def term(self) -> None:
        """Stop redelivery; see ``Delivery.term``."""
        await self._confirm(b"%s %s" % (Msg.Ack.Term, DEAD_LETTERED.encode()))

    async def _confirm(self, ack: bytes) -> None:
        """Send an ack as a request until the server confirms it; log a warning if it does not in time."""
        deadline = monotonic() + _CONFIRM_SECONDS
        while error := await self._attempt(ack):
            if monotonic() > deadline:
                place = f"{self.message.stream} {self.message.sequence}"
                _log.warning("NATS did not confirm the settlement of %s, and may redeliver it: %r", place, error)
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def _attempt(self, ack: bytes) -> Exception | None:
        """Send an ack once; returns the error, or None if it is confirmed."""
        client = self._message._client  # noqa: SLF001 (nats-py can confirm an ack, but no term)
        try:
            await client.request(self._message.reply, ack, timeout=_ATTEMPT_SECONDS)
        except (NatsError, OSError) as error:
            return error
        return None

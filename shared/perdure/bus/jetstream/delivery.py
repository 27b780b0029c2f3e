"""A JetStream message in our hands, settled so that the server knows it where a second delivery would do harm."""

import asyncio
import logging
from time import monotonic
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.bus.jetstream.bus import stored_message

__all__ = ["DEAD_LETTERED", "NatsDelivery"]

DEAD_LETTERED: Final = "perdure: its dead letter is stored"
"""JetStream repeats it in its advisory of a message that was given up: nobody need say another letter about that."""

_CONFIRMED_WITHIN: Final = 15.0  # seconds: longer than a cluster takes to elect a leader, shorter than a redelivery
_ANSWERED_WITHIN: Final = 5.0  # seconds of one try
_PAUSE: Final = 0.25  # seconds between two: where there is no leader, the answer "nobody is here" comes at once

_log = logging.getLogger(__name__)


class NatsDelivery:
    """See ``Delivery``.

    Args:
        message: As nats-py gives it.
        confirmed: Whether ``ack`` waits until the server has taken it; ``term`` always does.
    """

    def __init__(self, message: Msg, *, confirmed: bool) -> None:
        self._message = message
        self._confirmed = confirmed
        self.message = stored_message(message)
        self.deliveries: int = message.metadata.num_delivered or 1

    async def ack(self) -> None:
        """See ``Delivery.ack``."""
        if self._confirmed:
            await self._confirm(Msg.Ack.Ack)
        else:
            await self._message.ack()

    async def nak(self, delay: float) -> None:
        """See ``Delivery.nak``."""
        await self._message.nak(delay=delay)

    async def term(self) -> None:
        """See ``Delivery.term``."""
        await self._confirm(b"%s %s" % (Msg.Ack.Term, DEAD_LETTERED.encode()))

    async def _confirm(self, word: bytes) -> None:
        """Say how it is settled as a request, which the server answers once it has taken it."""
        until = monotonic() + _CONFIRMED_WITHIN
        while error := await self._unconfirmed(word):
            if monotonic() > until:
                place = f"{self.message.stream} {self.message.sequence}"
                _log.warning("NATS did not confirm how %s was settled, and may deliver it again: %r", place, error)
                return
            await asyncio.sleep(_PAUSE)

    async def _unconfirmed(self, word: bytes) -> Exception | None:
        """Try once; returns what went wrong, if anything did."""
        client = self._message._client  # noqa: SLF001 (nats-py confirms an `ack`, but no `term`)
        try:
            await client.request(self._message.reply, word, timeout=_ANSWERED_WITHIN)
        except (NatsError, OSError) as error:
            return error
        return None

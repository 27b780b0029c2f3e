"""What became of a decision, for whoever sent it."""

from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.contracts import Decision, Receipt, to_token
from perdure.errors import Unavailable

__all__ = ["receipt_of"]


async def receipt_of(bus: Bus, said: Decision) -> Receipt:
    """Wait for the receipt of a decision that was said, however long it takes.

    Raises:
        Unavailable: The bus was closed before it came.
    """
    async for heard in bus.listen(f"receipts.{to_token(said.request_id)}", replay=True):
        message = decode(heard.wire)
        if isinstance(message, Receipt) and message.decision_id == said.message_id:
            return message
    raise Unavailable("The bus closed before a receipt came.")

"""How long people wait for the receipt of a decision."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry

from perdure.contracts import Message, Receipt
from perdure.telemetry.catalogue import RECEIPT_SECONDS
from perdure.values.utc import utc_now
from perdure.voting.ballot import ReceivedDecision

__all__ = ["ReceiptTimes"]

_MOST: Final = 10_000  # decisions whose receipts are not there yet; those of runs that other workers took over


class ReceiptTimes:
    """Measures from the storage of a decision to that of its receipt."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = RECEIPT_SECONDS.histogram(registry)
        self._stored = OrderedDict[str, datetime]()

    def received(self, decision: ReceivedDecision) -> None:
        """Remember when a decision was stored."""
        if decision.stored_at is not None:
            self._stored[decision.decision_id] = decision.stored_at
        if len(self._stored) > _MOST:
            self._stored.popitem(last=False)

    def count(self, message: Message) -> None:
        """Observe a final receipt, if this process has read its decision."""
        if isinstance(message, Receipt) and message.is_final:
            stored_at = self._stored.pop(message.decision_id, None)
            if stored_at is not None:
                self._seconds.observe(max((utc_now() - stored_at).total_seconds(), 0.0))

"""Declares in the record itself which messages a stream lost before the audit received them.

The audit's consumer receives each message in the order of storage. Where it skips some and the stream no longer has
them, an age or a size that an operator has set was shorter than the time in which the audit did not run.
"""

import logging
from collections.abc import Mapping
from itertools import pairwise

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.topology import STREAMS
from perdure.ledger import GAP, gap_body
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store

__all__ = ["Gaps"]

_log = logging.getLogger(__name__)


class Gaps:
    """Compares each message with the highest one that was received before it.

    Args:
        recorder: Records the gaps.
        store: Knows what is recorded.
        bus: Says what a stream still has.
        highest: The highest recorded sequence of each stream, by name.
    """

    def __init__(self, recorder: Recorder, store: Store, bus: Bus, highest: Mapping[str, int]) -> None:
        self._recorder = recorder
        self._store = store
        self._bus = bus
        self._highest = dict(highest)

    async def declare_before(self, message: StoredMessage) -> None:
        """Record the gap before a message, if there is one.

        Raises:
            Unavailable: The bus does not answer, or the store cannot be written.
        """
        before = self._highest.get(message.stream, 0)
        self._highest[message.stream] = max(before, message.sequence)
        if not 0 < before < message.sequence - 1 or message.stream == "ADVISORIES":
            return
        try:
            await self._declare(message, before + 1)
        except BaseException:
            self._highest[message.stream] = before  # the message is delivered again
            raise

    async def _declare(self, message: StoredMessage, first: int) -> None:
        if await self._bus.get(message.stream, first) is not None:
            return  # it is delivered again in a moment: another process had received it
        found = await self._bus.first(STREAMS[message.stream].subjects, after=first - 1)
        last = message.sequence - 1 if found is None else min(found.sequence, message.sequence) - 1
        recorded = await self._store.sequences(message.stream, first, last)  # by another process, and then erased
        for before, after in pairwise([first - 1, *recorded, last + 1]):
            if after - before > 1:
                await self._declare_gap(message, before + 1, after - 1)

    async def _declare_gap(self, message: StoredMessage, first: int, last: int) -> None:
        _log.error("%s %s to %s were removed before the audit received them", message.stream, first, last)
        body = gap_body(message.stream, first, last)
        gap = StoredMessage(RawMessage(GAP, body, {}), message.stream, first, message.stored_at, pending=0)
        await self._recorder.record(gap)

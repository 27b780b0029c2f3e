"""Reports code that cannot be loaded, from the process that fails to load it, before it ends."""

import logging
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

from perdure.bus import Bus, KeyValue
from perdure.contracts import Alert
from perdure.contracts.runs import BROKEN_CODE
from perdure.errors import PerdureError

__all__ = ["BrokenCode"]

_ABOUT: Final = "perdure"  # in place of a workflow and a run: the name is reserved

_log = logging.getLogger(__name__)


class BrokenCode:
    """Keeps in a bucket why the newest start has failed, for ``perdure doctor``; a new reason raises an alert.

    Args:
        bus: Where alerts are published.
        entries: The bucket that all bridges share.
    """

    def __init__(self, bus: Bus, entries: KeyValue) -> None:
        self._bus = bus
        self._entries = entries

    async def report(self, error: Exception) -> None:
        """Report why the process cannot load the code; the process restarts again and again, the alert comes once."""
        reason = str(error) if error.__cause__ is None else f"{error} ({error.__cause__})"
        try:
            if await self._entries.get(BROKEN_CODE) != reason.encode():
                await self._bus.publish(_alert(reason))
                await self._entries.put(BROKEN_CODE, reason.encode())
        except PerdureError as unavailable:  # the process ends for its own reason all the same
            _log.warning("cannot report that the code is broken: %s", unavailable)

    async def clear(self) -> None:
        """Forget it: this process has loaded the code.

        Raises:
            Unavailable: The bucket does not answer.
        """
        if await self._entries.get(BROKEN_CODE):
            await self._entries.put(BROKEN_CODE, b"")


def _alert(reason: str) -> Alert:
    return Alert(
        workflow=_ABOUT,
        workflow_id="orchestrator",
        run_id=f"{crc32(reason.encode()):08x}",
        number=1,
        title="An orchestrator cannot load its code, and does not start",
        details={"error": reason, "what_to_do": "Mend the code: the orchestrator starts by itself then."},
        severity="high",
        raised_at=datetime.now(UTC),
    )

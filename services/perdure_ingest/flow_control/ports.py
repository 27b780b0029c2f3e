"""What every part of flow control works with."""

from collections.abc import Callable
from dataclasses import dataclass

from perdure.bus import Bus, KeyValue
from perdure.bus.views.start_ledger import StartLedger
from perdure.runtime.server_clock import ServerClock
from perdure_ingest.flow_control.feed import Feed
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["FlowPorts"]


@dataclass(frozen=True, slots=True)
class FlowPorts:
    """The ports and the shared subscriptions of one process.

    Attributes:
        bus: The bus.
        entries: The bucket FLOW.
        ledger: The starts that took effect.
        verdicts: Where verdicts are published.
        clock: The time of the server.
        progress: New facts of all runs.
        freed: New messages that free the slots of dead-lettered starts.
        arrivals: New starts that wait, without their bodies, by stream.
        is_paused: Returns whether a route is paused, by its token.
    """

    bus: Bus
    entries: KeyValue
    ledger: StartLedger
    verdicts: VerdictLog
    clock: ServerClock
    progress: Feed
    freed: Feed
    arrivals: dict[str, Feed]
    is_paused: Callable[[str], bool] = lambda _: False

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """All subscriptions."""
        return (self.progress, self.freed, *self.arrivals.values())

"""Raises alerts when room runs out: streams that are nearly full, and on one machine the disks under the parts.

No run is concerned, so the alert is of the workflow ``perdure``, a name that is reserved.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.bus import Bus
from perdure.bus.stream_room import crowded
from perdure.bus.topology import STREAMS
from perdure.bus.views.kept_decisions import kept_decisions
from perdure.config.retention import StreamSettings
from perdure.contracts import Alert
from perdure.errors import Unavailable
from perdure.local.disk import disks

__all__ = ["LOOK_EVERY", "RoomWatch"]

LOOK_EVERY: Final = timedelta(seconds=30)

_WORKFLOW: Final = "perdure"

_log = logging.getLogger(__name__)


class RoomWatch:
    """Looks at streams and disks, and publishes one alert for each that lacks room until it has room again.

    Args:
        bus: Where alerts are published.
        js: Reads the sizes of streams.
        limits: The configured limits of streams, by name.
        state: The state folder of a suite on this machine; None if its parts run elsewhere.
    """

    def __init__(
        self, bus: Bus, js: JetStreamContext, limits: Mapping[str, StreamSettings], state: Path | None
    ) -> None:
        self._bus = bus
        self._js = js
        self._limits = limits
        self._state = state
        self._raised = set[str]()

    async def look(self) -> None:
        """Look once; what the bus cannot take is logged, and published at the next look.

        Raises:
            Unavailable: NATS does not answer.
        """
        problems = dict(self._disks())
        try:
            problems |= await self._streams()
        except (NatsError, OSError) as error:
            if not problems:
                raise Unavailable(f"The sizes of streams are not known: {error!r}") from error
        self._raised &= set(problems)
        for what, problem in problems.items():
            if what not in self._raised:
                await self._raise(what, problem)

    def _disks(self) -> Iterator[tuple[str, str]]:
        if self._state is not None:
            for disk in disks(self._state):
                if disk.problem is not None:
                    yield f"disk-{disk.part}", f"The disk of {disk.part}: {disk.problem}"

    async def _streams(self) -> dict[str, str]:
        problems = {}
        for name, stream in STREAMS.items():
            found = await self._js.stream_info(name)
            limited, bound = stream.kept(self._limits.get(name)), found.config.max_bytes or -1
            if (problem := crowded(limited, bound=bound, stored=found.state.bytes)) is not None:
                kept = await kept_decisions(self._bus) if name == "DECISIONS" else None
                problems[f"stream-{name}"] = problem if kept is None else f"{problem}; {kept.sentence}"
        return problems

    async def _raise(self, what: str, problem: str) -> None:
        _log.error("%s", problem)
        at = datetime.now(UTC)
        alert = Alert(
            workflow=_WORKFLOW,
            workflow_id=f"{_WORKFLOW}-{what}",
            run_id=f"{_WORKFLOW}-{what}",
            number=at.toordinal(),  # the same of all processes on one day
            title=problem,
            details={"what_to_do": "`perdure doctor` says what stands, and who is behind."},
            severity="high",
            raised_at=at,
        )
        try:
            await self._bus.publish(alert)
        except Unavailable as error:
            _log.warning("the alert is not stored yet: %s", error)
        else:
            self._raised.add(what)

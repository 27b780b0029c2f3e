"""Changes of schedules by the file of routes, which are acts of administration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.open_words import OPEN

__all__ = ["DeclaredSchedule", "ScheduleChanged"]


class DeclaredSchedule(BaseModel):
    """The schedule of a route, as the file declares it.

    Attributes:
        cron: When it is due.
        timezone: The IANA name of the zone of ``cron``.
        catch_up_seconds: How late a due time is still published, after Temporal itself was down.
        paused: Whether the file pauses it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    cron: str
    timezone: str
    catch_up_seconds: FiniteFloat
    paused: bool = False


class ScheduleChanged(Message):
    """The orchestrator made Temporal's schedule of a route as the file of routes declares it.

    Attributes:
        act: What was done; ``removed``: no route of this name has a ``cron`` any more.
        route: Name of the route.
        declared: The schedule since; absent if it was removed.
        before: The schedule before; absent if there was none.
        rules: SHA-256 of the routes that declare it; see ``EventVerdict``.
        by: The service that did it, ``perdure/orchestrator``: why is the change of the file.
        at: When (UTC).
    """

    type: Literal["admin.schedule"] = "admin.schedule"
    act: Annotated[Literal["created", "changed", "paused", "resumed", "removed"], OPEN]
    route: str
    declared: DeclaredSchedule | None = None
    before: DeclaredSchedule | None = None
    rules: Sha256
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<route>``."""
        return (self.route,)

    @property
    def message_id(self) -> str:
        """One for each change by these routes, also if two processes make it."""
        return f"{self.type}.{self.route}.{self.act}.{self.rules}"

    @property
    def sentence(self) -> str:
        """What people read about it."""
        now, before = (None if it is None else f"{it.cron} {it.timezone}" for it in (self.declared, self.before))
        changed = f", {now}" if now else ""
        changed += f", before {before}" if before and before != now else ""
        return f"{self.act} the schedule of {self.route}{changed}, by the routes {self.rules[:12]}"

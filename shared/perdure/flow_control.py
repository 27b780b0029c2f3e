"""How many runs a route may have, and when they may start: the ``flow:`` and ``window:`` of a route."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator, model_validator

from perdure.duration import Duration, parse_duration

__all__ = ["Batch", "FlowControl", "Rate", "Window"]

_MOST_OPEN: Final = 5_000  # all open runs of a route are one entry of a NATS bucket, at most 1 MiB
_RATE: Final = re.compile(r"\s*(\d+)\s*/\s*(\d.*|ms|s|m|h|d)\s*")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Section):
    """At most so many starts in so much time, evenly spread."""

    starts: PositiveInt
    per: Duration

    @property
    def apart(self) -> timedelta:
        """From one start to the next."""
        return self.per / self.starts


def _read_rate(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = _RATE.fullmatch(value)
    if written is None:
        raise ValueError(f"{value!r} is no rate: write 10/s, 100/m or 5/30s")
    per = written[2] if written[2][0].isdigit() else f"1{written[2]}"
    return Rate(starts=int(written[1]), per=parse_duration(per))


class Batch(_Section):
    """One run for many events: as soon as there are ``size``, or the first has waited for ``within``."""

    size: PositiveInt = Field(le=1_000)
    within: Duration


class FlowControl(_Section):
    """What waits, waits in JetStream.

    Attributes:
        key: A CEL expression; ``max_open_per_key``, ``debounce``, ``batch`` and ``singleton`` go by its value.
        max_open: So many runs of the route at once.
        max_open_per_key: So many with the same key.
        rate: So many starts in some time, such as ``10/s``.
        debounce: Wait until no further event came for so long; the last one counts.
        batch: Start one run for many events: its input is the list of theirs.
        singleton: What becomes of an event while a run with its key is open: it is skipped, waits its turn, or the open
            run is cancelled and the newest event runs.
    """

    key: str | None = None
    max_open: Annotated[int, Field(ge=1, le=_MOST_OPEN)] | None = None
    max_open_per_key: PositiveInt | None = None
    rate: Annotated[Rate, BeforeValidator(_read_rate)] | None = None
    debounce: Duration | None = None
    batch: Batch | None = None
    singleton: Literal["skip", "queue", "cancel"] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_open_per_key is not None and self.key is None:
            raise ValueError("max_open_per_key needs a `key`, such as data.tenant")
        if self.singleton is not None and self.max_open_per_key is not None:
            raise ValueError("a singleton has one open run a key: leave max_open_per_key out")
        if self.batch is not None and (self.debounce is not None or self.singleton is not None):
            raise ValueError("a batch goes with max_open and rate, not with debounce or singleton")
        return self

    @property
    def open_per_key(self) -> int | None:
        """How many runs with one key may be open."""
        return 1 if self.singleton is not None else self.max_open_per_key

    @property
    def counts_open(self) -> bool:
        """Whether open runs have to be counted at all."""
        return self.max_open is not None or self.open_per_key is not None

    @property
    def keeps_newest(self) -> bool:
        """Whether of the waiting events with one key only the newest counts."""
        return self.debounce is not None or self.singleton == "cancel"


class Window(_Section):
    """Runs start between two times of day; ``closes`` before ``opens`` means over midnight."""

    opens: time
    closes: time
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no timezone {name}; write one such as Europe/Berlin") from error
        return name

    def next_opening(self, now: datetime) -> datetime:
        """Return ``now`` if the window is open, else when it opens next (UTC)."""
        local = now.astimezone(ZoneInfo(self.timezone))
        at = local.time()
        inside = self.opens <= at < self.closes if self.opens <= self.closes else at >= self.opens or at < self.closes
        if inside:
            return now
        opening = datetime.combine(local.date(), self.opens, local.tzinfo)
        if opening <= local:
            opening = datetime.combine(local.date() + timedelta(days=1), self.opens, local.tzinfo)
        return opening.astimezone(UTC)

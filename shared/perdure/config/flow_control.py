"""How many runs a route may have: its ``flow:``."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from perdure.values.duration import Duration
from perdure.values.rate import Rate

__all__ = ["Batch", "FlowControl"]

_MOST_OPEN: Final = 5_000  # all open runs of a route are one entry of a NATS bucket, at most 1 MiB


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    rate: Rate | None = None
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

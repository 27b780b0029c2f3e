"""A route's ``flow:``: how many of its runs may be open, and when they may start."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from perdure.config.section import Section
from perdure.values.duration import Duration
from perdure.values.rate import Rate

__all__ = ["Batch", "FlowControl"]

_MOST_OPEN: Final = 100_000  # the process that leads the route keeps them in memory, with about 1 KiB each


class Batch(Section):
    """One run for many events.

    Attributes:
        size: The run starts as soon as there are so many events.
        within: Or when the first event has waited for so long.
    """

    size: PositiveInt = Field(le=1_000)
    within: Duration


class FlowControl(Section):
    """Limits of a route; starts beyond them wait in JetStream.

    Attributes:
        key: A CEL expression whose value groups events for ``max_open_per_key``, ``debounce``, ``batch`` and
            ``singleton``. Every fact of a run carries it, and ``perdure runs list --key`` finds the run by it.
        max_open: The most runs of the route that may be open at once.
        max_open_per_key: The most open runs with the same key.
        rate: The most starts in some time, such as ``10/s``.
        debounce: Wait until no further event came for so long; only the last one starts a run.
        batch: Start one run for many events: its input is the list of their inputs.
        singleton: While a run with its key is open, an event is skipped, or waits, or cancels the open run. After a
            cancellation only the newest event runs.
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
        """The most open runs with one key."""
        return 1 if self.singleton is not None else self.max_open_per_key

    @property
    def counts_open(self) -> bool:
        """Whether any limit depends on the number of open runs."""
        return self.max_open is not None or self.open_per_key is not None

    @property
    def keeps_newest(self) -> bool:
        """Whether only the newest of the waiting events with one key counts."""
        return self.debounce is not None or self.singleton == "cancel"

"""Counts the steps that run in this process: a version that has no open run any more may still run one."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RunningSteps"]


class RunningSteps:
    """The steps of all workers of one plugin.

    Attributes:
        count: How many run now.
    """

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a step for the duration of the block."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

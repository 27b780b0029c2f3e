"""Simulates the death of a process before or after any of its awaits."""

from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any


class Killed(BaseException):
    """The simulated SIGKILL; no code catches it."""


@dataclass
class Fuse:
    """Raises ``Killed`` at the nth spark: each port sparks before and after each call."""

    left: int

    def spark(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@dataclass
class Fused:
    """A port, or Temporal's client, whose every call sparks a fuse."""

    inner: Any
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name == "workflow_service":
            return Fused(found, self.fuse)
        if not iscoroutinefunction(found):
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self.fuse.spark()
            result = await found(*args, **named)
            self.fuse.spark()
            return result

        return call

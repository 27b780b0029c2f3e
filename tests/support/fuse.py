"""Kills whoever awaits something, before or after it is done, wherever a test wants it."""

from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any


class Killed(BaseException):
    """What nobody catches, as nobody catches SIGKILL."""


@dataclass
class Fuse:
    """Kills at its nth spark: each port sparks before and after it does something."""

    left: int

    def spark(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@dataclass
class Fused:
    """A port, or Temporal's client, that may die around each of its awaits."""

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

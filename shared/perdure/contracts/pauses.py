"""Pauses: an operator stops the whole suite or one route, and lets it go on. The newest one on ADMIN is what holds."""

from typing import Annotated, Final, Literal

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN

__all__ = ["SUITE", "PauseChanged", "paused_route", "route_of"]

SUITE: Final = "suite"
"""The whole suite, as what is paused."""

_ROUTE: Final = "route/"


class PauseChanged(Message):
    """An operator paused the suite or a route, or let it go on.

    Services obey the newest one of each subject, also after all of them were killed: it is the act and its record.

    Attributes:
        what: What is paused: ``suite``, or ``route/<name>``.
        act: What was done.
        reason: Why, in the operator's words.
        by: The login name of whoever ran the command. Nobody authenticates it.
        at: When (UTC).
    """

    type: Literal["admin.pause"] = "admin.pause"
    what: str
    act: Annotated[Literal["paused", "resumed"], OPEN]
    reason: str = ""
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<what>``."""
        return (self.what,)

    @property
    def message_id(self) -> str:
        """One for each act."""
        return f"{self.type}.{self.what}.{self.act}.{self.at.timestamp():.6f}"

    @property
    def holds(self) -> bool:
        """Whether it is paused since."""
        return self.act == "paused"

    @property
    def sentence(self) -> str:
        """What people read about a pause: since when, by whom and why."""
        return f"paused since {self.at:%Y-%m-%d %H:%M} UTC by {self.by}" + (f": {self.reason}" if self.reason else "")


def paused_route(name: str) -> str:
    """Return what a pause of a route names."""
    return f"{_ROUTE}{name}"


def route_of(what: str) -> str | None:
    """Return the route that is paused; None if it is something else."""
    return what.removeprefix(_ROUTE) if what.startswith(_ROUTE) else None

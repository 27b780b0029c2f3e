"""The part of an event that the expressions and templates of a route can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from perdure.contracts import Event
from perdure.values.cel_engine import cel
from perdure_ingest.exact_integers import inexact

__all__ = ["VARIABLES", "Arrival", "EventVariables"]

VARIABLES: Final = ("data", "headers", "id", "source", "subject", "time", "type")
"""The names that CEL expressions may use."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How NATS received an event.

    Attributes:
        stream_sequence: Its sequence in EVENTS.
        stored_at: When NATS stored it (UTC).
        headers: The message's headers, unchanged, and a structured event's attributes as binary mode has them.
    """

    stream_sequence: int
    stored_at: datetime
    headers: Mapping[str, str]


class EventVariables:
    """The variables of one event; all expressions of all routes share them.

    Attributes:
        event: The event.
        arrival: How NATS received it.
        values: Value by name. Header names are in lower case; `time` is the event's own, else when NATS stored it.
    """

    def __init__(self, event: Event, arrival: Arrival) -> None:
        self.event = event
        self.arrival = arrival
        self.values: dict[str, Any] = {
            **event.model_dump(),
            "time": event.time or arrival.stored_at,
            "headers": {name.lower(): value for name, value in arrival.headers.items()},
        }

    @cached_property
    def context(self) -> cel.Context:
        """The same values as CEL's context: copying large data into CEL takes far longer than most expressions.

        Raises:
            Exception: CEL cannot hold a value.
        """
        return cel.Context(self.values)

    @cached_property
    def holds_inexact(self) -> bool:
        """Whether CEL would lose digits of an integer in the data."""
        return inexact(self.event.data) is not None

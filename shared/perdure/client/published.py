"""An event that NATS has stored, as its publisher knows it."""

from dataclasses import dataclass

__all__ = ["PublishedEvent"]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event in the stream EVENTS.

    Attributes:
        id: Its id.
        type: Its type.
        source: Its CloudEvents source.
        stream_sequence: Its sequence in EVENTS, from 1.
        duplicate: Whether it was published before, so that nothing new was stored now.
    """

    id: str
    type: str
    source: str
    stream_sequence: int
    duplicate: bool = False

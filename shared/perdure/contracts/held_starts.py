"""Ingest's NATS request/reply for the operator: cancelling a start that flow control holds."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict

from perdure.contracts.open_words import OPEN

__all__ = ["CANCEL_START", "CancelStart", "HeldStartFate", "HeldStartReply"]

CANCEL_START: Final = "acts.starts.cancel"
"""Request subject. The request body is a ``CancelStart``, the reply body a ``HeldStartReply``."""

HeldStartFate = Literal["cancelled", "releasing", "collected", "not_held"]
"""What became of a held start.

* ``cancelled``: it is dropped; its event has the verdict ``cancelled`` on the route, and no run comes of it.
* ``releasing``: its route releases it at this moment: cancel its run.
* ``collected``: it is one of the events of a batch that is not full yet; its run will be that of the batch.
* ``not_held``: flow control holds no start of this run.
"""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CancelStart(_Body):
    """The run whose start is not to happen, by its id."""

    workflow_id: str


class HeldStartReply(_Body):
    """What became of a held start.

    Attributes:
        fate: See ``HeldStartFate``.
        route: The route that held it; absent if none did.
        event_id: The id of its event.
        stream_sequence: The event's sequence in EVENTS.
    """

    fate: Annotated[HeldStartFate, OPEN]
    route: str | None = None
    event_id: str | None = None
    stream_sequence: int | None = None

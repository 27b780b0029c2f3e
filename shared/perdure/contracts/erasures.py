"""Erasure of content: what ADMIN keeps of it, and the requests that find and erase it."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN
from perdure.values.run_id import place_of

__all__ = [
    "ERASE_RECORDS",
    "ERASE_RUN",
    "FIND_ERASABLE",
    "MOST_NAMES",
    "Erasable",
    "ErasableQuery",
    "Erasables",
    "EraseRecordsReply",
    "EraseRecordsRequest",
    "EraseRunReply",
    "EraseRunRequest",
    "Erasure",
]

FIND_ERASABLE: Final = "queries.audit.erasable"
"""Request subject of the audit. The request body is an ``ErasableQuery``, the reply body an ``Erasables``."""

ERASE_RECORDS: Final = "acts.records.erase"
"""Request subject of the audit. The request body is an ``EraseRecordsRequest``, the reply an ``EraseRecordsReply``."""

MOST_NAMES: Final = 20
"""The most names of one query."""

ERASE_RUN: Final = "acts.runs.erase"
"""Request subject of the orchestrator. The body is an ``EraseRunRequest``, the reply body an ``EraseRunReply``."""


class Erasure(Message):
    """An operator erases content. It is ordered before anything is erased: services erase only what ADMIN orders.

    Attributes:
        act: ``ordered`` before anything is erased; ``done`` once all of it is.
        id: Id of the erasure; ids sort by time.
        part: Counts the orders of a large erasure, from 1; each is done by itself.
        places: The messages: ``<stream>.<sequence>.<nanoseconds at which it was stored>``.
        leaves: The leaf of each in the ledger, in the same order.
        runs: The workflow ids of the closed runs.
        names: Ids of the events and approval requests whose messages are erased.
        left: Of ``done``: what was left and why, a sentence each.
        by: Who asked for it. Nobody authenticates it.
        why: Why, in the operator's words.
        at: When (UTC).
    """

    type: Literal["admin.erasure"] = "admin.erasure"
    act: Annotated[Literal["ordered", "done"], OPEN]
    id: str
    part: PositiveInt = 1
    places: tuple[str, ...] = ()
    leaves: tuple[NonNegativeInt, ...] = ()
    runs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    by: str
    why: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<id>``."""
        return (self.id,)

    @property
    def message_id(self) -> str:
        """One for each act and part."""
        return f"{self.type}.{self.id}.{self.part}.{self.act}"

    @property
    def sentence(self) -> str:
        """What people read in place of what was erased."""
        return f"erased on {self.at:%Y-%m-%d} by {self.by}: {self.why}"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ErasableQuery(_Body):
    """Which recorded messages are meant, by one of the first three; acts of administration and advisories never are.

    Attributes:
        place: The stream and the sequence of one message.
        names: Those that are about a run, event or request with one of these ids; ``EVENTS:7`` names an event, too.
        containing: Those whose headers or body contain this text.
        after: Only records after this position.
    """

    place: tuple[str, PositiveInt] | None = None
    names: Annotated[tuple[str, ...], Field(max_length=MOST_NAMES)] = ()
    containing: str | None = None
    after: NonNegativeInt = 0


class Erasable(_Body):
    """A recorded message, without its content.

    Attributes:
        position: Its position in the record.
        leaf: Its leaf in the ledger.
        stream: Its stream.
        sequence: Its sequence there.
        stored_at: When JetStream stored it (UTC).
        size: Bytes of its body.
        is_erased: Whether the record has no content of it any more.
        runs: Workflow ids of the runs that it is about.
        names: What else it is about: events by their places, as ``EVENTS:7``, and approval requests by their ids.
        events: Ids of these events. Events of several sources may share one: it links no messages.
    """

    position: int
    leaf: NonNegativeInt
    stream: str
    sequence: int
    stored_at: Instant
    size: int
    is_erased: bool
    runs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its place, as in ``Erasure.places``."""
        return place_of(self.stream, self.sequence, self.stored_at)


class Erasables(_Body):
    """Recorded messages, oldest first.

    Attributes:
        messages: Those that fit into the reply.
        more: Whether more may be found after ``last``.
        last: The position up to which the record was searched.
    """

    messages: tuple[Erasable, ...] = ()
    more: bool = False
    last: int = 0


class EraseRecordsRequest(_Body):
    """What the audit erases: the content of the messages that an order names.

    Attributes:
        order: Sequence of the order in ADMIN.
    """

    order: PositiveInt


class EraseRecordsReply(_Body):
    """What became of it.

    Attributes:
        erased: How many records were erased now; those that were so before are not counted.
        problem: Why nothing was; empty if it was done.
    """

    erased: int = 0
    problem: str = ""


class EraseRunRequest(_Body):
    """A run that the orchestrator deletes from Temporal, with its large payloads.

    Attributes:
        order: Sequence of the order in ADMIN, which names the run.
        workflow_id: The run.
    """

    order: PositiveInt
    workflow_id: str


class EraseRunReply(_Body):
    """What became of a run.

    Attributes:
        outcome: ``deleted``: Temporal has no execution of it any more. ``deleting``: ask again. ``open``: it was left.
            ``refused``: see ``detail``.
        executions: How many executions Temporal was asked to delete now.
        payloads: How many large payloads were deleted now.
        detail: What was left, and why.
    """

    outcome: Annotated[Literal["deleted", "deleting", "open", "refused"], OPEN]
    executions: int = 0
    payloads: int = 0
    detail: str = ""

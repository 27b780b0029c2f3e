"""Verdicts: what ingest made of an event, route by route, and what became of it later."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, PositiveInt

from perdure.contracts.dead_letters import Reason
from perdure.contracts.message import Message, Sha256
from perdure.contracts.open_words import OPEN
from perdure.contracts.subjects import to_token

__all__ = [
    "WITHOUT_RUN",
    "EventVerdict",
    "Limit",
    "OtherEvent",
    "RouteVerdict",
    "VerdictKind",
    "fit_event_id",
    "last_words",
    "verdict_rank",
    "verdict_subject",
]

VerdictKind = Literal[
    "started",
    "signalled",
    "no_match",
    "held",
    "released",
    "skipped",
    "cancelled",
    "debounced_into",
    "batched_into",
    "duplicate_of",
    "refused",
]
"""What a route made of an event.

* ``started``, ``signalled``: its command is stored; the orchestrator takes it from there.
* ``no_match``: the route names the type, and its `when` is false.
* ``held``: the start waits in the route's flow control.
* ``released``: a start that was held is stored as a command.
* ``skipped``: a run with its key was open, and the route allows no second one.
* ``cancelled``: an operator cancelled the start while it was held.
* ``debounced_into``: a newer event of its key took its place.
* ``batched_into``: it is one of the events of a batch, which is one run.
* ``duplicate_of``: the same event came before, and had its run or signal then.
* ``refused``: the event, or a command of it, became a dead letter.
"""

Limit = Literal["window", "rate", "max_open", "max_open_per_key", "singleton", "debounce", "batch"]
"""What holds a start, in the words of the configuration."""

WITHOUT_RUN: Final[frozenset[str]] = frozenset({"no_match", "skipped", "cancelled", "debounced_into"})
"""The verdicts of which no run comes."""

_RANKED: Final[tuple[VerdictKind, ...]] = (
    "released",
    "batched_into",
    "skipped",
    "cancelled",
    "debounced_into",
    "started",
    "signalled",
    "duplicate_of",
    "refused",
    "held",
    "no_match",
)

_LONGEST_ID: Final = 500  # characters
_LONGEST_SUBJECT: Final = 3_000  # bytes; nats-server takes control lines of 4,096
_PREFIX: Final = "verdicts"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OtherEvent(_Part):
    """Another event, to which a verdict refers.

    Attributes:
        id: Its id; absent if only its place is known.
        stream_sequence: Its sequence in EVENTS.
    """

    id: str | None = None
    stream_sequence: int


class RouteVerdict(_Part):
    """What one route made of the event.

    Attributes:
        route: Its name.
        verdict: See ``VerdictKind``.
        detail: A sentence for people: what happens, or which part of `when` is false, with the values it read.
        workflow_id: The run that it starts, signals or is batched into; of ``skipped`` the run that was open, of
            ``cancelled`` the run that does not come. Of ``duplicate_of`` the run of the first event, if it is known:
            flow control may not have decided yet, and the verdicts on ``other`` say what it decides.
        reason: Of ``refused``: the reason of the dead letter.
        limit: Of ``held``: which limit; absent if none was reached, and its turn only had to come.
        place: Of ``held``: its place when it was stored, from 1, in the line of its `flow.key`.
        other: Of ``debounced_into`` the newer event, of ``duplicate_of`` the first one.
        backfill: The backfill that took the event through the route; absent if it came by itself.
    """

    route: str
    verdict: Annotated[VerdictKind, OPEN]
    detail: str = ""
    workflow_id: str | None = None
    reason: Annotated[Reason, OPEN] | None = None
    limit: Annotated[Limit, OPEN] | None = None
    place: PositiveInt | None = None
    other: OtherEvent | None = None
    backfill: str | None = None

    @property
    def sentence(self) -> str:
        """The verdict for people: ``<route>: <verdict>: <detail>``."""
        return f"{self.route}: {self.verdict}" + (f": {self.detail}" if self.detail else "")


class EventVerdict(Message):
    """What ingest made of one event, or what changed for one of its routes later.

    The first verdict of an event lists every route that names its type, but those with `verdicts: false`. A change
    lists one route: ``released``, ``skipped``, ``cancelled``, ``debounced_into``, ``batched_into`` or ``duplicate_of``
    after ``held``, or what the route made of the event in a backfill.

    Attributes:
        event_id: The event's id; of more than 500 characters, the beginning and the SHA-256 of all.
        event_type: The event's type, as its subject has it.
        source: The CloudEvents source; absent if the event cannot be read.
        stream_sequence: Its sequence in EVENTS.
        rules: SHA-256 of the routes by which it was judged.
        routes: The verdicts.
        unreported: How many more routes name the type, and have opted out by `verdicts: false`.
        refused: The reason of the dead letter that ingest makes of the event; `no_route` if no route names its type.
        detail: Why, for people.
        change: Whether it changes the event's first verdict.
    """

    type: Literal["verdicts"] = "verdicts"
    event_id: str
    event_type: str
    source: str | None = None
    stream_sequence: int
    rules: Sha256
    routes: tuple[RouteVerdict, ...] = ()
    unreported: int = 0
    refused: Annotated[Reason, OPEN] | None = None
    detail: str = ""
    change: bool = False

    @property
    def address(self) -> tuple[str, ...]:
        """``<event_type>``, with its dots."""
        return (self.event_type,)

    @property
    def subject(self) -> str:
        """``verdicts.<event_type>``; see ``verdict_subject``."""
        return verdict_subject(self.event_type)

    @property
    def message_id(self) -> str:
        """One for each event and set of rules; of a change, one for each event, route and kind of verdict."""
        event = f"{self.stream_sequence}.{_short_digest(self.event_id)}"
        if not self.change:
            return f"{event}.{self.rules[:16]}"
        what = ".".join(f"{_short_digest(it.route)}.{it.verdict}{_of_backfill(it)}" for it in self.routes)
        return f"{event}.{what}"


def verdict_subject(event_type: str) -> str:
    """Return the subject of the verdicts on events of a type: its words, each as one escaped token.

    A type whose subject would be too long is replaced by its SHA-256.
    """
    plain = event_type.encode(errors="backslashreplace").decode()
    subject = ".".join([_PREFIX, *map(to_token, plain.split("."))])
    return subject if len(subject) <= _LONGEST_SUBJECT else f"{_PREFIX}.sha256-{sha256(plain.encode()).hexdigest()}"


class _OfRoute(Protocol):
    @property
    def route(self) -> str: ...

    @property
    def verdict(self) -> str: ...

    @property
    def backfill(self) -> str | None: ...


Verdict = TypeVar("Verdict", bound=_OfRoute)


def last_words(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdict of each route that counts: of its newest backfill, else the others; see ``verdict_rank``."""
    found: dict[str, Verdict] = {}
    for verdict in verdicts:
        known = found.get(verdict.route)
        if known is None or _weight(verdict) > _weight(known):
            found[verdict.route] = verdict
    return tuple(found.values())


def _weight(verdict: _OfRoute) -> tuple[str, int]:
    """Return a sort key; the ids of backfills sort by time."""
    return verdict.backfill or "", -verdict_rank(verdict.verdict)


def verdict_rank(verdict: str) -> int:
    """Return which verdict of a route counts: the one of the lowest rank, whatever the order of storage.

    What happened cannot be undone by what is stored later. A word that is not known yet wins over all that are.
    """
    return next((rank for rank, known in enumerate(_RANKED) if known == verdict), -1)


def fit_event_id(event_id: str) -> str:
    """Return an event's id as verdicts name it: at most 500 characters and a digest."""
    if len(event_id) <= _LONGEST_ID:
        return event_id
    return f"{event_id[:_LONGEST_ID]}-{sha256(event_id.encode()).hexdigest()}"


def _of_backfill(verdict: RouteVerdict) -> str:
    return "" if verdict.backfill is None else f"~{verdict.backfill}"


def _short_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]

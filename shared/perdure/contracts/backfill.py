"""Ingest's NATS request/reply for the operator: taking one stored event through one route."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

from perdure.contracts.dead_letters import Reason
from perdure.contracts.message import Sha256
from perdure.contracts.open_words import OPEN

__all__ = [
    "BACKFILL_EVENT",
    "DESCRIBE_ROUTE",
    "BackfillFate",
    "BackfillRequest",
    "BackfilledEvent",
    "RouteDescription",
    "RouteQuery",
]

DESCRIBE_ROUTE: Final = "queries.routes.describe"
"""Request subject. The request body is a ``RouteQuery``, the reply body a ``RouteDescription``."""

BACKFILL_EVENT: Final = "acts.routes.backfill"
"""Request subject. The request body is a ``BackfillRequest``, the reply body a ``BackfilledEvent``."""

BackfillFate = Literal["taken", "no_match", "already", "refused", "gone", "other_rules"]
"""What became of an event in a backfill.

* ``taken``: its command is stored, or waits in the route's flow control; in a dry run it would be.
* ``no_match``: the route does not take it; `detail` says why.
* ``already``: it had its run or signal before, so nothing was done.
* ``refused``: the route cannot take it; `reason` and `detail` say why. It becomes no dead letter.
* ``gone``: the stream EVENTS no longer has it.
* ``other_rules``: this process has other routes than the backfill began with, so nothing was done.
"""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RouteQuery(_Body):
    """The route to describe, by its name."""

    route: str


class RouteDescription(_Body):
    """A route as ingest has it.

    Attributes:
        on: The event types that it names; absent if there is no such route.
        rules: SHA-256 of all routes; see ``EventVerdict``.
        routes: The names of all routes.
    """

    on: str | None = None
    rules: Sha256
    routes: tuple[str, ...] = ()


class BackfillRequest(_Body):
    """An event to take through a route.

    Attributes:
        backfill: Id of the backfill, which the command and the verdict carry; absent in a dry run.
        route: Name of the route.
        rules: Digest of the routes, as the ``RouteDescription`` has it; ingest refuses others.
        stream_sequence: The event's sequence in EVENTS.
    """

    backfill: str | None = None
    route: str
    rules: Sha256
    stream_sequence: PositiveInt


class BackfilledEvent(_Body):
    """What became of an event.

    Attributes:
        stream_sequence: The event's sequence in EVENTS.
        event_id: The event's id; absent if it is gone or cannot be read.
        fate: See ``BackfillFate``.
        verdict: The verdict of the route, if the event is taken: ``started``, ``signalled`` or ``held``.
        workflow_id: The run that it starts or signals, or did before.
        reason: Of ``refused``: the reason, as a dead letter has it.
        detail: Why, for people.
    """

    stream_sequence: int
    event_id: str | None = None
    fate: Annotated[BackfillFate, OPEN]
    verdict: str | None = None
    workflow_id: str | None = None
    reason: Annotated[Reason, OPEN] | None = None
    detail: str = ""

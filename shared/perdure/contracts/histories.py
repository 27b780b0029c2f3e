"""What Temporal's histories hold of the bus: the orchestrator's NATS request/reply, to compare a ledger with."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from perdure.contracts.instant import Instant

__all__ = ["LIST_HISTORIES", "MOST_HISTORIES", "Histories", "HistoriesQuery", "RunHistory", "SignalInHistory"]

LIST_HISTORIES: Final = "queries.runs.histories"
"""Request subject. The request body is a ``HistoriesQuery``, the reply body ``Histories``."""

MOST_HISTORIES: Final = 20
"""The most executions of one reply: whole histories are read for it, within the five seconds of a request."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class HistoriesQuery(_Body):
    """A page of executions.

    Attributes:
        limit: At most so many executions.
        page: ``next`` of the reply before; empty for the first page.
    """

    limit: Annotated[int, Field(ge=1, le=MOST_HISTORIES)] = MOST_HISTORIES
    page: str = ""


class SignalInHistory(_Body):
    """A signal that an execution received.

    Attributes:
        name: Its name.
        request_id: The id by which Temporal de-duplicates it: the place or the id of the message that carried it.
        began: Whether the execution began with it.
    """

    name: str
    request_id: str
    began: bool = False


class RunHistory(_Body):
    """An execution of the orchestrator's task queue, or one that an event started.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        started_at: When it began (UTC).
        closed_at: When it ended (UTC), if it has.
        was_started: Whether a command must have started it: not a parent, and no execution before it.
        digest: The digest of its event, if an event started it.
        ending: The kind of its ending; absent if it is open, or another execution goes on for it.
        signals: The signals that it received from outside of Temporal, oldest first.
        is_whole: Whether its whole history was read.
    """

    workflow: str
    workflow_id: str
    run_id: str
    started_at: Instant
    closed_at: Instant | None = None
    was_started: bool
    digest: str | None = None
    ending: str | None = None
    signals: tuple[SignalInHistory, ...] = ()
    is_whole: bool = True


class Histories(_Body):
    """One page of executions, newest first.

    Attributes:
        runs: The executions; those that are nobody's run are left out.
        next: What to give as ``page`` for the next page; empty on the last.
    """

    runs: tuple[RunHistory, ...] = ()
    next: str = ""

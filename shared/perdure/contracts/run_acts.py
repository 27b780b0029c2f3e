"""Acts on runs: the operator's requests to the orchestrator and to ingest, and what ADMIN keeps of each."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.contracts.commands import StartWorkflow
from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN

__all__ = [
    "ACT_ON_RUN",
    "START_AGAIN",
    "ActOutcome",
    "RunAct",
    "RunActReply",
    "RunActRequest",
    "RunActed",
    "StartAgainReply",
    "StartAgainRequest",
]

ACT_ON_RUN: Final = "acts.runs"
"""Request subject of the orchestrator. The request body is a ``RunActRequest``, the reply body a ``RunActReply``."""

START_AGAIN: Final = "acts.starts.again"
"""Request subject of ingest. The request body is a ``StartAgainRequest``, the reply body a ``StartAgainReply``."""

RunAct = Literal["cancel", "terminate", "pause", "resume", "retry", "rerun"]
"""What is done to a run.

* ``cancel``: request its cancellation; it undoes its steps and ends.
* ``terminate``: end it at once; its code does not see that.
* ``pause``: let it take no task; ``resume``: let it go on.
* ``retry``: begin a run that has failed again at the failed step, with the idempotency keys of before.
* ``rerun``: start it anew under another id, with other keys. The orchestrator only makes the start: ``START_AGAIN``.
"""

ActOutcome = Literal["done", "already", "refused", "unknown_run"]
"""What came of an act: ``already`` if it was so before, also by the same act."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RunActRequest(_Body):
    """An act on one run.

    Attributes:
        id: Id of the act, the same for all runs of one command: what is asked for again with it happens once.
        act: See ``RunAct``.
        workflow_id: The run.
        run_id: Temporal's run id that the operator saw; a later run of this workflow id is left alone.
        reason: Why, in the operator's words.
        by: Who asks: a login name, which nobody authenticates.
        force: Of ``retry``: whether also if steps were undone, or others followed, after the failed one.
        input: Of ``rerun``: the new input, in a list of one; absent: that of before.
    """

    id: str
    act: RunAct
    workflow_id: str
    run_id: str | None = None
    reason: str = ""
    by: str
    force: bool = False
    input: tuple[JsonValue] | None = None


class RunActReply(_Body):
    """What came of an act on one run.

    Attributes:
        workflow_id: The run.
        outcome: See ``ActOutcome``.
        detail: Why, or what happens now, for people.
        became: Of ``retry`` the new run id, of ``rerun`` the new workflow id.
        start: Of ``rerun``: the command, which ingest takes.
    """

    workflow_id: str
    outcome: Annotated[ActOutcome, OPEN]
    detail: str = ""
    became: str | None = None
    start: StartWorkflow | None = None


class StartAgainRequest(_Body):
    """A start that ``rerun`` made, to be taken within the limits of its route."""

    start: StartWorkflow


class StartAgainReply(_Body):
    """What ingest made of a start.

    Attributes:
        outcome: See ``ActOutcome``.
        detail: Why, or what holds it, for people.
    """

    outcome: Annotated[ActOutcome, OPEN]
    detail: str = ""


class RunActed(Message):
    """An operator acted on a run.

    Attributes:
        act: What was done, or asked for.
        id: Id of the act, the same for all runs of one command.
        workflow_id: The run.
        run_id: Temporal's run id of it.
        became: Of ``retried`` the new run id, of ``rerun`` the new workflow id.
        signal: Of ``signalled``: the name of the signal.
        reason: Why, in the operator's words.
        by: Who did it: a login name, which nobody authenticates.
        at: When (UTC).
    """

    type: Literal["admin.run"] = "admin.run"
    act: Annotated[Literal["cancelled", "terminated", "paused", "resumed", "retried", "rerun", "signalled"], OPEN]
    id: str
    workflow_id: str
    run_id: str | None = None
    became: str | None = None
    signal: str | None = None
    reason: str = ""
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow id>``."""
        return (self.workflow_id,)

    @property
    def message_id(self) -> str:
        """One for each act and run."""
        return f"{self.type}.{self.id}.{self.act}.{self.workflow_id}"

    @property
    def sentence(self) -> str:
        """What people read about it."""
        what = " ".join(filter(None, (self.act, self.signal, f"as {self.became}" if self.became else None)))
        return f"{what} by {self.by} on {self.at:%Y-%m-%d %H:%M} UTC" + (f": {self.reason}" if self.reason else "")

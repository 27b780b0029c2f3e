"""Which run keeps DECISIONS from being trimmed: an open run and its people still read its decisions by their places."""

from dataclasses import dataclass
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.contracts import ENDINGS, Progress, from_token, to_token
from perdure.errors import InvalidMessage
from perdure.values.short_code import run_word

__all__ = ["KeptDecisions", "is_open", "kept_decisions"]

_DECISIONS: Final = "decisions.>"


@dataclass(frozen=True, slots=True)
class KeptDecisions:
    """The oldest decision, which cannot go.

    Attributes:
        workflow_id: Its run, which is open.
        sequence: Its sequence in DECISIONS.
    """

    workflow_id: str
    sequence: int

    @property
    def sentence(self) -> str:
        """What keeps the stream full, and what to do, for people."""
        run, word = self.workflow_id, run_word(self.workflow_id)
        return (
            f"the run {run} is open, and keeps every decision from DECISIONS {self.sequence} on: "
            f"answer its requests, or end it with `perdure runs cancel {word}`"
        )


async def kept_decisions(bus: Bus) -> KeptDecisions | None:
    """Return what keeps the oldest decision from going; None if no open run does.

    Raises:
        Unavailable: NATS does not answer.
    """
    oldest = await bus.first(_DECISIONS)
    if oldest is None:
        return None
    run = from_token(oldest.raw.subject.split(".")[1])
    return KeptDecisions(run, oldest.sequence) if await is_open(bus, run) else None


async def is_open(bus: Bus, run: str) -> bool:
    """Return whether the newest fact of a run is no ending; a run that is open always has a fact.

    Raises:
        Unavailable: NATS does not answer.
    """
    newest = await bus.last(f"progress.*.{to_token(run)}")
    if newest is None:
        return False
    try:
        fact = decode(newest.raw)
    except InvalidMessage:
        return True  # a newer version's word
    return not isinstance(fact, Progress) or fact.kind not in ENDINGS

"""What a run hands to the one that goes on in its place."""

from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt

from perdure.contracts import RunUsage
from perdure.flow.poll import ArrivedDecision

__all__ = ["CARRIED_MEMO", "Carried"]

CARRIED_MEMO: Final = "perdure_carried"
"""The memo field that holds a ``Carried``."""


class Carried(BaseModel):
    """So much must not be forgotten.

    Attributes:
        began_at: When the first of them began (UTC).
        usage: What was used up to now: limits go on counting.
        requests: How many requests to models were made.
        asked: How many approvals were asked for: their ids go on counting.
        early: Decisions on requests that were not asked yet.
    """

    model_config = ConfigDict(frozen=True)

    began_at: AwareDatetime | None = None
    usage: RunUsage = RunUsage()
    requests: NonNegativeInt = 0
    asked: NonNegativeInt = 0
    early: tuple[ArrivedDecision, ...] = ()

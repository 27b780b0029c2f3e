"""Claims of 0.1 in the start ledger, which keeps them: what it started or signalled does not take effect again."""

from pydantic import BaseModel, ConfigDict

from perdure.contracts.instant import Instant
from perdure.contracts.message import Sha256

__all__ = ["FormerClaim", "former_signal_claim"]


class FormerClaim(BaseModel):
    """How 0.1 claimed the command of the same event in the start ledger, which keeps its claims.

    Attributes:
        claim: The key.
        event_id: The event's id then.
        digest: SHA-256 of that id, the type and the data. 0.1 knew no source: an event that differs in its source only
            counts as the same.
        since: A claim of before (UTC) is that of another event: 0.1 knew events without an id by their sequence alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim: str
    event_id: str
    digest: Sha256
    since: Instant | None = None


def former_signal_claim(route: str, event_id: str) -> str:
    """Return the key in the start ledger that 0.1 gave the signal of a route for an event."""
    return f"signal.{route}-{event_id}"

"""What became of a command when it was submitted: it corrects the verdict that its route had planned."""

from dataclasses import dataclass

from perdure.contracts import Limit, OtherEvent, RouteVerdict
from perdure.errors import InvalidMessage
from perdure_ingest.route_verdicts import fit_detail

__all__ = ["AS_PLANNED", "Placement"]


@dataclass(frozen=True, slots=True)
class Placement:
    """What became of a command.

    Attributes:
        limit: The limit that holds the start, if one does.
        place: Its place in line, from 1; None if it is not held.
        first: The event that had the command before, if another one did.
        newer: The newer event of its key, which waits already and stays.
        run: The run of that command; None if it may have another run, or none: the verdict on that event names it.
        refusal: Why the command will become a dead letter, if it will.
    """

    limit: Limit | None = None
    place: int | None = None
    first: OtherEvent | None = None
    newer: OtherEvent | None = None
    run: str | None = None
    refusal: InvalidMessage | None = None

    def corrected(self, planned: RouteVerdict) -> RouteVerdict:
        """Return the verdict of the route, now that its command is submitted."""
        if self.refusal is not None:
            detail = fit_detail(self.refusal.detail)
            return planned.model_copy(update={"verdict": "refused", "reason": self.refusal.reason, "detail": detail})
        if self.first is not None:
            return planned.model_copy(
                update={
                    "verdict": "duplicate_of",
                    "other": self.first,
                    "workflow_id": self.run,
                    "detail": f"EVENTS {self.first.stream_sequence} is the same event",
                }
            )
        if self.newer is not None:
            detail = f"EVENTS {self.newer.stream_sequence} has its key, and is newer"
            update = {"verdict": "debounced_into", "other": self.newer, "workflow_id": None, "detail": detail}
            return planned.model_copy(update=update)
        if self.limit == "pause":
            update = {"verdict": "held", "limit": "pause", "place": self.place, "detail": "the route is paused"}
            return planned.model_copy(update=update)
        return planned.model_copy(update={"limit": self.limit, "place": self.place})


AS_PLANNED = Placement()
"""The command is stored."""

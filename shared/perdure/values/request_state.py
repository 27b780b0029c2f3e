"""What an approval request is: open, or how it was settled."""

from typing import Literal

__all__ = ["RequestState"]

RequestState = Literal["open", "approved", "rejected", "expired", "withdrawn"]
"""``expired``: nobody decided in time; ``withdrawn``: the run closed the request, or ended."""

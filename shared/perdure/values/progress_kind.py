"""The kinds of the facts that a run publishes about itself."""

from typing import Final, Literal

__all__ = ["ENDINGS", "ProgressKind"]

ProgressKind = Literal[
    "started",
    "step_started",
    "step_completed",
    "step_failed",
    "waiting",
    "resumed",
    "note",
    "completed",
    "failed",
    "cancelled",
    "terminated",
    "timed_out",
]

ENDINGS: Final = frozenset[ProgressKind]({"completed", "failed", "cancelled", "terminated", "timed_out"})
"""The last fact of a run has one of these kinds."""

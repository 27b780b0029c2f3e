"""Facts of progress, as runs publish them."""

from datetime import UTC, datetime

from perdure.contracts import Progress

_AT = datetime(2026, 11, 23, tzinfo=UTC)


def fact(sequence: int, run: str = "r") -> Progress:
    """Return a note of the workflow W with this sequence, the same at every call."""
    return Progress(workflow="W", workflow_id=run, run_id=run, sequence=sequence, kind="note", at=_AT)

"""The id of one start of a suite, by which a process proves that it belongs to it."""

import os
from typing import Final

__all__ = ["INSTANCE_VARIABLE", "current_instance"]

INSTANCE_VARIABLE: Final = "PERDURE_INSTANCE"
"""The supervisor sets it for each service; it is no setting."""


def current_instance() -> str | None:
    """Return the id of the suite that started this process; None outside of a suite."""
    return os.environ.get(INSTANCE_VARIABLE)

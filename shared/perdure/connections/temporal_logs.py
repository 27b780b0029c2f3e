"""The log records of temporalio 1.35 about failures, which it marks by a private field.

``tests/workflow/test_failures.py`` fails when a new version marks them otherwise.
"""

import logging
from typing import Final

__all__ = ["LOGGERS_OF_FAILURES", "is_about_failed_activity"]

LOGGERS_OF_FAILURES: Final = (
    "temporalio.activity",
    "temporalio.worker._workflow",
    "temporalio.worker._workflow_instance",
)
"""Of failed activities, of tasks whose payloads cannot be read or written, and of failed workflow tasks."""

_KIND: Final = "__temporal_error_identifier"


def is_about_failed_activity(record: logging.LogRecord) -> bool:
    """Return whether temporalio reports the failure of the current activity; its author may log there, too."""
    return getattr(record, _KIND, None) == "ActivityFailure"

"""The error of a run with the place in its author's code, for its last fact and for the log."""

import logging
from typing import Final

from temporalio import workflow

from perdure.flow.error_text import placed_error_text
from perdure.values.author_code import author_packages
from perdure_orchestrator.failure_log import redacted

__all__ = ["LOG_REDACT", "REDACT", "log_failure", "run_error_text"]

REDACT: Final = "perdure_redact"
"""The function by which a run in the sandbox masks the keys that its worker has read."""

LOG_REDACT: Final = "perdure_log_redact"
"""The same for what is logged."""

_log: Final = logging.getLogger(__name__)


def run_error_text(error: BaseException, redact: str = REDACT) -> str:
    """Return the error's text with places and causes; see ``placed_error_text``."""
    packages = author_packages(type(workflow.instance()).__module__)
    return placed_error_text(error, packages, workflow.extern_functions()[redact])


def log_failure(error: BaseException) -> None:
    """Log the end of a run with its traceback, once: not when it is replayed."""
    if not workflow.unsafe.is_replaying():
        info = workflow.info()
        with workflow.unsafe.sandbox_unrestricted():  # a traceback reads the lines of its files
            shown = redacted(error, workflow.extern_functions()[LOG_REDACT])
            text = run_error_text(error, LOG_REDACT)
            _log.error("the run %s of %s failed: %s", info.workflow_id, info.workflow_type, text, exc_info=shown)

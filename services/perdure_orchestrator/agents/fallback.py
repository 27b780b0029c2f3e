"""Which failure of a model lets the next one be asked, and what is left to say when all of them have failed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio.exceptions import ApplicationError

__all__ = ["all_failed", "fallback_note", "lets_next_answer"]

# Another model may answer what this one cannot now. It would not mend a request that is wrong or refused.
_FAILURES_OF_THE_MODEL: Final = {
    "ModelFailed",
    "ModelKeyRefused",
    "ModelOverloaded",
    "ModelQuotaExceeded",
    "ModelTimeout",
    "ModelUnavailable",
    "UnknownModel",
}


def lets_next_answer(error: ApplicationError) -> bool:
    """Return whether the next model is to be asked after this error."""
    return error.type in _FAILURES_OF_THE_MODEL


def fallback_note(agent: str, answered: str, failures: Mapping[str, ApplicationError]) -> str:
    """Return the note about an answer of a model that was not the first choice."""
    return f"The model {answered} answered {agent} in place of {', '.join(failures)}: {_reasons(failures)}"


def all_failed(failures: Mapping[str, ApplicationError]) -> ApplicationError:
    """Return the error for a request that no model answered; it is retried if one of them may answer later.

    Args:
        failures: The errors, by the models in the order in which they were asked.
    """
    errors = [*failures.values()]
    if len(errors) == 1:
        return errors[0]
    passing = [error for error in errors if not error.non_retryable]
    return ApplicationError(
        f"None of the models {', '.join(failures)} answered: {_reasons(failures)}",
        type=(passing or errors)[0].type,
        non_retryable=not passing,
        next_retry_delay=_shortest([error.next_retry_delay for error in passing]),
    )


def _shortest(delays: list[timedelta | None]) -> timedelta | None:
    """Return the shortest delay; none if a model demands none, since Temporal's own policy then applies."""
    known = [delay for delay in delays if delay is not None]
    return min(known) if known and len(known) == len(delays) else None


def _reasons(failures: Mapping[str, ApplicationError]) -> str:
    return "; ".join(error.message for error in failures.values())

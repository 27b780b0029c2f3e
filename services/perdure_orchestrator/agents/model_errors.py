"""What goes wrong with a model, told to a person and to Temporal: whether and when trying again can help."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic_ai import exceptions as theirs
from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["refusal", "translated"]

_LONGEST_WAIT: Final = timedelta(hours=1)  # a provider that asks for more is asked again all the same

# The first that fits; with each what a person can do about it.
_PERMANENT: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (theirs.ModelAuthenticationError, "ModelKeyRefused", "Mend llm.providers in perdure.yaml, or the key it names."),
    (theirs.ModelNotFoundError, "UnknownModel", "Mend the model's name, or the provider's base_url."),
    (theirs.ModelQuotaExceededError, "ModelQuotaExceeded", "Top up the account; then start the run again."),
    (theirs.ModelContextWindowExceededError, "ContextTooLong", "Give the model less to read, or take a larger one."),
    (theirs.ContentFilterError, "ContentFiltered", "The provider does not answer this; another wording may do."),
    (theirs.ModelRequestRejectedError, "ModelRefused", "The request itself is wrong."),
    (theirs.UserError, "ModelRefused", "The request itself is wrong."),
)
_PASSING: Final[tuple[tuple[type[Exception], str], ...]] = (
    (theirs.ModelRateLimitError, "ModelOverloaded"),
    (theirs.ModelOverloadedError, "ModelOverloaded"),
    (theirs.ModelUnavailableError, "ModelUnavailable"),
    (theirs.ModelTimeoutError, "ModelTimeout"),
    (theirs.ModelRequestTimeout, "ModelTimeout"),
    (theirs.ModelConnectionError, "ModelUnavailable"),
)


def translated(error: Exception, words: str, model: str) -> ApplicationError:
    """Return what the step is to raise.

    Args:
        error: Of pydantic-ai, or whatever else a request raised.
        words: What it says, without any key.
        model: Who was asked.
    """
    said = f"The model {model} did not answer: {words}"
    for kind, name, advice in _PERMANENT:
        if isinstance(error, kind):
            return ApplicationError(f"{said}. {advice}", type=name, non_retryable=True)
    name = next((name for kind, name in _PASSING if isinstance(error, kind)), "ModelFailed")
    wait = getattr(error, "retry_after", None)
    delay = None if wait is None else min(timedelta(seconds=max(wait, 0)), _LONGEST_WAIT)
    return ApplicationError(said, type=name, next_retry_delay=delay)


def refusal(response: ModelResponse) -> ApplicationError | None:
    """Return what to raise for an answer that is none: the provider's filter cut it off."""
    if response.finish_reason != "content_filter":
        return None
    return ApplicationError(
        f"The model {response.model_name} did not answer: its provider's content filter stopped it. "
        "Another wording may do.",
        type="ContentFiltered",
        non_retryable=True,
    )

"""Errors of models as Temporal errors: whether and when to retry, and what a person can do about them."""

from __future__ import annotations

from typing import Final

from pydantic_ai import exceptions as ai
from temporalio.exceptions import ApplicationError

from perdure_orchestrator.agents.context_errors import CONTEXT_TOO_LONG, says_too_long
from perdure_orchestrator.agents.models import UnknownModel
from perdure_orchestrator.agents.retry_delay import retry_delay

__all__ = ["to_application_error"]

_LONGEST_TEXT: Final = 2_000  # characters; a proxy may answer with a whole page, and each attempt would be recorded

_WRONG: Final = "The request itself is wrong: check the agent's model settings, its tools and its output schema."
_SHORTER: Final = "Give the model less to read and fewer tools, or use one with a larger context window."
_GOES_ON: Final = "; then `perdure runs retry` lets the run go on here."
_NEW_KEY: Final = f"Fix llm.providers in perdure.yaml, or the key it names{_GOES_ON}"
_REWORD: Final = "The provider refuses to answer this; another wording may help."

# (error, type of the Temporal error, advice); the first that fits counts. None of these is retried.
_PERMANENT: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (
        ai.ModelAuthenticationError,
        "ModelKeyRefused",
        _NEW_KEY,
    ),
    (ai.ModelNotFoundError, "UnknownModel", "Fix the model's name, or the provider's base_url."),
    (ai.ModelQuotaExceededError, "ModelQuotaExceeded", f"Top up the account{_GOES_ON}"),
    (ai.ModelContextWindowExceededError, CONTEXT_TOO_LONG, _SHORTER),
    (ai.ContentFilterError, "ContentFiltered", _REWORD),
    (ai.ModelRequestRejectedError, "ModelRefused", _WRONG),
    (ai.UserError, "ModelRefused", _WRONG),
)
# Error codes of OpenAI, and of Azure behind a proxy, for a request that their filters refuse.
_FILTERED: Final = {"content_filter", "content_policy_violation"}
# 4xx statuses worth a retry: those that the SDKs would retry themselves, and Too Early (RFC 8470).
_RETRYABLE_STATUSES: Final = {408, 409, 425, 429}
_TOO_LARGE: Final = 413
_RETRYABLE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ai.ModelRateLimitError, "ModelOverloaded"),
    (ai.ModelOverloadedError, "ModelOverloaded"),
    (ai.ModelUnavailableError, "ModelUnavailable"),
    (ai.ModelTimeoutError, "ModelTimeout"),
    (ai.ModelRequestTimeout, "ModelTimeout"),
    (ai.ModelConnectionError, "ModelUnavailable"),
)


def to_application_error(error: Exception, text: str, model: str) -> ApplicationError:
    """Return the error for the step to raise.

    Args:
        error: What the request raised, usually an exception of pydantic-ai.
        text: The error's text without any key; a long one is cut.
        model: The name of the model.
    """
    if isinstance(error, UnknownModel):
        return ApplicationError(str(error), type=UnknownModel.__name__, non_retryable=True)
    short = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    message = f"The model {model} did not answer: {short}"
    if permanent := _permanent(error):
        name, advice = permanent
        return ApplicationError(f"{message}. {advice}", type=name, non_retryable=True)
    name = next((name for kind, name in _RETRYABLE if isinstance(error, kind)), "ModelFailed")
    wait = getattr(error, "retry_after", None)
    delay = None if wait is None else retry_delay(wait)
    return ApplicationError(message, type=name, next_retry_delay=delay)


def _permanent(error: Exception) -> tuple[str, str] | None:
    """Return the type and the advice for an error that a retry cannot fix."""
    if isinstance(error, ai.ModelAPIError) and error.provider_error_code in _FILTERED:
        return "ContentFiltered", _REWORD
    if isinstance(error, ai.ModelAPIError | ai.UnexpectedModelBehavior) and says_too_long(str(error)):
        return CONTEXT_TOO_LONG, _SHORTER
    for kind, name, advice in _PERMANENT:
        if isinstance(error, kind):
            return name, advice
    status = error.status_code if isinstance(error, ai.ModelHTTPError) else 0
    if status // 100 != 4 or status in _RETRYABLE_STATUSES:  # noqa: PLR2004 (4xx: the request is at fault)
        return None
    return (CONTEXT_TOO_LONG, _SHORTER) if status == _TOO_LARGE else ("ModelRefused", _WRONG)

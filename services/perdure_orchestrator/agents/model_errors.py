"""What goes wrong with a model, told to a person and to Temporal: whether and when trying again can help."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic_ai import exceptions as theirs
from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["refusal", "translated"]

_LONGEST_WAIT: Final = 3600.0  # seconds; a provider that asks for more is asked again all the same
_LONGEST_WORDS: Final = 2_000  # characters; a proxy may answer with a whole page, and each try would be recorded

_WRONG: Final = "The request itself is wrong: look at the agent's model settings, its tools and the shape it asks for."
_SHORTER: Final = "Give the model less to read, or take a larger one."
_REWORD: Final = "The provider does not answer this; another wording may do."

# The first that fits; with each what a person can do about it.
_PERMANENT: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (theirs.ModelAuthenticationError, "ModelKeyRefused", "Mend llm.providers in perdure.yaml, or the key it names."),
    (theirs.ModelNotFoundError, "UnknownModel", "Mend the model's name, or the provider's base_url."),
    (theirs.ModelQuotaExceededError, "ModelQuotaExceeded", "Top up the account; then start the run again."),
    (theirs.ModelContextWindowExceededError, "ContextTooLong", _SHORTER),
    (theirs.ContentFilterError, "ContentFiltered", _REWORD),
    (theirs.ModelRequestRejectedError, "ModelRefused", _WRONG),
    (theirs.UserError, "ModelRefused", _WRONG),
)
# What OpenAI, and Azure behind a proxy, call a request that their filters refuse.
_FILTERED: Final = {"content_filter", "content_policy_violation"}
# Refusals that pass: what the SDKs would try again themselves, and a request that came too early (RFC 8470).
_PASSING_STATUSES: Final = {408, 409, 425, 429}
_TOO_LARGE: Final = 413
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
        words: What it says, without any key; only so much of it as a person reads is kept.
        model: Who was asked.
    """
    told = words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…"
    said = f"The model {model} did not answer: {told}"
    if permanent := _permanent(error):
        name, advice = permanent
        return ApplicationError(f"{said}. {advice}", type=name, non_retryable=True)
    name = next((name for kind, name in _PASSING if isinstance(error, kind)), "ModelFailed")
    wait = getattr(error, "retry_after", None)
    delay = None if wait is None else timedelta(seconds=min(max(wait, 0), _LONGEST_WAIT))
    return ApplicationError(said, type=name, next_retry_delay=delay)


def _permanent(error: Exception) -> tuple[str, str] | None:
    """Return the name of what trying again does not mend, and what does."""
    if isinstance(error, theirs.ModelAPIError) and error.provider_error_code in _FILTERED:
        return "ContentFiltered", _REWORD
    for kind, name, advice in _PERMANENT:
        if isinstance(error, kind):
            return name, advice
    status = error.status_code if isinstance(error, theirs.ModelHTTPError) else 0
    if status // 100 != 4 or status in _PASSING_STATUSES:  # noqa: PLR2004 (4xx: the request is at fault)
        return None
    return ("ContextTooLong", _SHORTER) if status == _TOO_LARGE else ("ModelRefused", _WRONG)


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

"""Answers of models that are no answers: filtered, cut off at a limit, or empty."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

__all__ = ["EMPTY_ANSWER", "MOST_EMPTY", "answer_error", "with_distinct_calls"]

EMPTY_ANSWER: Final = "EmptyAnswer"
MOST_EMPTY: Final = 3  # requests; after an empty answer the next may be another one, but hardly the fourth

_PARTIAL: Final = "`Agent(allow_partial=True)` takes what there is."


def answer_error(response: ModelResponse, *, allow_partial: bool) -> ApplicationError | None:
    """Return the error for a response that the run must not take for an answer; None for any other.

    Args:
        response: What the provider returned.
        allow_partial: Whether the author takes texts that are cut off or empty.
    """
    model = response.model_name
    if response.finish_reason == "content_filter":
        text = "its provider's content filter stopped it. Another wording may help."
        return _error("ContentFiltered", f"The model {model} did not answer: {text}")
    if _is_cut_off(response, allow_partial=allow_partial):
        advice = 'raise it with `Agent(model_settings={"max_tokens": …})`, or ask for less'
        return _error("AnswerCutOff", f"The answer of the model {model} was cut off at its limit: {advice}. {_PARTIAL}")
    if not response.tool_calls and not (response.text or "").strip() and not allow_partial:
        return _error(EMPTY_ANSWER, f"The model {model} gave {MOST_EMPTY} empty answers. {_PARTIAL}")
    return None


def with_distinct_calls(response: ModelResponse) -> ModelResponse:
    """Return the response with an id of its own for each call: by it a call finds its result."""
    known: set[str] = set()
    parts = []
    for number, part in enumerate(response.parts):
        call = getattr(part, "tool_call_id", None)
        own = f"{call}-{number}" if call in known else call
        known.add(own or "")
        parts.append(part if own == call else replace(cast("Any", part), tool_call_id=own))
    return replace(response, parts=parts)


def _is_cut_off(response: ModelResponse, *, allow_partial: bool) -> bool:
    """Return whether the limit was reached within the text, or within the arguments of a call."""
    if response.finish_reason != "length":
        return False
    return not all(map(_is_json, response.tool_calls)) if response.tool_calls else not allow_partial


def _is_json(call: ToolCallPart) -> bool:
    try:
        call.args_as_dict(raise_if_invalid=True)
    except (AssertionError, ValueError):
        return False
    return True


def _error(kind: str, text: str) -> ApplicationError:
    return ApplicationError(text, type=kind, non_retryable=True)

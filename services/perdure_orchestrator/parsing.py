"""Reads the JSON that bots and operators publish: a decision, or the argument of a signal."""

import json

from pydantic import JsonValue, ValidationError

from perdure.bus import StoredMessage
from perdure.bus.envelope import describe_errors
from perdure.contracts import Decision, Receipt, from_token
from perdure.errors import InvalidMessage

__all__ = ["read_argument", "read_decision", "unreadable"]


def read_decision(message: StoredMessage) -> tuple[Decision, dict[str, JsonValue]]:
    """Return a decision and its body, which is what was signed; the workflow id comes from the subject.

    Raises:
        InvalidMessage: The message is not a decision; the detail names the field.
    """
    tokens = message.raw.subject.split(".")
    if len(tokens) != 2:  # noqa: PLR2004 (the two parts of the sentence)
        raise InvalidMessage("bad_message", "A decision's subject is decisions.<workflow id>")
    fields = read_argument(message.raw.body)
    if not isinstance(fields, dict):
        raise InvalidMessage("bad_message", "A decision's body is a JSON object")
    try:
        return Decision.model_validate({**fields, "workflow_id": from_token(tokens[1])}), fields
    except ValidationError as error:
        raise InvalidMessage("bad_message", f"The decision is not complete: {describe_errors(error)}") from error


def unreadable(message: StoredMessage, error: InvalidMessage) -> Receipt | None:
    """Return the receipt of a decision that cannot be read; None if not even its request is known."""
    try:
        request_id = str(json.loads(message.raw.body)["request_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return Receipt(
        request_id=request_id,
        decision_id=f"{message.stream}.{message.sequence}",
        accepted=False,
        code="unreadable",
        reason=error.detail,
    )


def read_argument(body: bytes) -> JsonValue:
    """Return the argument of a signal; an empty body is None.

    Raises:
        InvalidMessage: The body is not JSON.
    """
    try:
        value: JsonValue = json.loads(body) if body else None
    except ValueError as error:
        raise InvalidMessage("not_json", f"The body is not JSON: {error}") from error
    return value

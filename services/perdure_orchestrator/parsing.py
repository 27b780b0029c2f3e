"""What bots say, as it comes: JSON that may be anything, read into a decision or the argument of a signal."""

import json

from pydantic import JsonValue, ValidationError

from perdure.bus import StoredMessage
from perdure.bus.envelope import describe_errors
from perdure.contracts import Decision, Receipt, from_token
from perdure.errors import InvalidMessage

__all__ = ["read_argument", "read_decision", "unreadable"]


def read_decision(heard: StoredMessage) -> tuple[Decision, dict[str, JsonValue]]:
    """Read a decision, and return its body too, for that is signed; it need not repeat what the subject says.

    Raises:
        InvalidMessage: It is none; the detail names the field.
    """
    tokens = heard.raw.subject.split(".")
    if len(tokens) != 2:  # noqa: PLR2004 (the two parts that the sentence names)
        raise InvalidMessage("bad_message", "A decision's subject is decisions.<workflow id>")
    said = read_argument(heard.raw.body)
    if not isinstance(said, dict):
        raise InvalidMessage("bad_message", "A decision's body is a JSON object")
    try:
        return Decision.model_validate({**said, "workflow_id": from_token(tokens[1])}), said
    except ValidationError as error:
        raise InvalidMessage("bad_message", f"The decision is not complete: {describe_errors(error)}") from error


def unreadable(heard: StoredMessage, error: InvalidMessage) -> Receipt | None:
    """Refuse a decision that cannot be read, if it can at least be seen which request it is about."""
    try:
        request_id = str(json.loads(heard.raw.body)["request_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return Receipt(
        request_id=request_id,
        decision_id=f"{heard.stream}.{heard.sequence}",
        accepted=False,
        code="unreadable",
        reason=error.detail,
    )


def read_argument(body: bytes) -> JsonValue:
    """Read the argument of a signal; no body is no argument.

    Raises:
        InvalidMessage: It is no JSON.
    """
    try:
        value: JsonValue = json.loads(body) if body else None
    except ValueError as error:
        raise InvalidMessage("not_json", f"The body is not JSON: {error}") from error
    return value

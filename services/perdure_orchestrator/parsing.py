"""Reads what bots and operators publish: a decision, or a signal with its argument."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from perdure.bus import StoredMessage
from perdure.bus.envelope import describe_errors
from perdure.bus.json_body import read_json
from perdure.contracts import Decision, Receipt, read_token
from perdure.errors import InvalidMessage
from perdure.values.reserved import is_reserved, reserved_text

__all__ = ["Signal", "place_of", "read_decision", "read_signal", "refuse_reserved", "run_lanes", "unreadable"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as an operator publishes it; without a body, its argument is None."""

    workflow_id: str
    name: str
    argument: JsonValue


def read_decision(message: StoredMessage) -> tuple[Decision, dict[str, JsonValue]]:
    """Return a decision and its body, which is what was signed; the workflow id comes from the subject.

    Raises:
        InvalidMessage: The message is not a decision, or not one on a run of its subject; the detail names the field.
    """
    (workflow_id,) = _ids(message, "decisions.<workflow id>")
    fields = read_json(message.raw.body)
    if not isinstance(fields, dict):
        raise InvalidMessage("bad_message", "A decision's body is a JSON object")
    try:
        decision = Decision.model_validate({**fields, "workflow_id": fields.get("workflow_id") or workflow_id})
    except ValidationError as error:
        raise InvalidMessage("bad_message", f"The decision is not complete: {describe_errors(error)}") from error
    for field, named in (
        ("workflow_id", decision.workflow_id),
        ("request_id", decision.request_id.rpartition(".")[0]),
    ):
        if named != workflow_id:
            raise InvalidMessage(
                "bad_envelope", f"{field}: it is of the run {named!r}, but the subject is that of {workflow_id!r}"
            )
    return decision, fields


def read_signal(message: StoredMessage) -> Signal:
    """Return a signal.

    Raises:
        InvalidMessage: The subject is none of a signal, the name is reserved, or the body is not JSON.
    """
    workflow_id, name = _ids(message, "signals.<workflow id>.<signal>")
    refuse_reserved(name)
    return Signal(workflow_id, name, read_json(message.raw.body) if message.raw.body else None)


def refuse_reserved(signal: str) -> None:
    """Refuse the name of a signal that only Perdure itself sends.

    Raises:
        InvalidMessage: ``reserved_name``.
    """
    if is_reserved(signal):
        raise InvalidMessage("reserved_name", reserved_text("signal", signal))


def place_of(message: StoredMessage) -> str:
    """Return ``<stream>.<sequence>``: the same for every delivery of a message."""
    return f"{message.stream}.{message.sequence}"


def run_lanes(message: StoredMessage) -> Collection[str]:
    """Return the lane of a decision or signal: the id of the run in its subject, or the token if it is no id."""
    token = message.raw.subject.split(".")[1]
    return [read_token(token) or token]


def unreadable(message: StoredMessage, error: InvalidMessage) -> Receipt | None:
    """Return the receipt of a decision that cannot be read; None if its request is not known or has no subject."""
    try:
        return Receipt.model_validate(
            {
                "request_id": _request_id(message.raw.body),
                "decision_id": place_of(message),
                "accepted": False,
                "code": "unreadable",
                "reason": error.detail,
            }
        )
    except ValidationError:
        return None


def _request_id(body: bytes) -> JsonValue:
    """Return the request that a body names, also where JSON has no such numbers or characters as the body."""
    try:
        fields = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return fields.get("request_id") if isinstance(fields, dict) else None


def _ids(message: StoredMessage, form: str) -> list[str]:
    """Return the ids of a subject of this form, without its first token."""
    _, *tokens = message.raw.subject.split(".")
    if len(tokens) != form.count("."):
        raise InvalidMessage("bad_message", f"Its subject is {form}")
    ids = [found for token in tokens if (found := read_token(token))]
    if len(ids) != len(tokens):
        raise InvalidMessage("bad_envelope", "A token of its subject is no id: no UTF-8, or empty")
    return ids

"""Checks of an event's data against a route's schema: a JSON Schema, or a pydantic model by its path."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue, ValidationError

from perdure.bus.envelope import describe_errors
from perdure.errors import InvalidMessage, SetupError
from perdure.values.author_code import author_place

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

__all__ = ["Check", "load_check"]

Check = Callable[[JsonValue], None]
"""Raises ``InvalidMessage`` for data that does not fit; the detail names the field."""


def load_check(schema: str | dict[str, Any]) -> Check:
    """Load a schema as a check.

    Raises:
        SetupError: It is neither a JSON Schema nor the path of a pydantic model.
    """
    if isinstance(schema, str):
        return _guarded(_model_check(schema))
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 (slow to import, and few routes need it)

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SetupError(f"`schema` is not a JSON Schema: {error.message}") from error
    return _guarded(_schema_check(Draft202012Validator(schema)))


def _guarded(check: Check) -> Check:
    """Refuse data on which the schema itself fails: an author's validator, or a reference that leads nowhere."""

    def guarded(data: JsonValue) -> None:
        try:
            check(data)
        except InvalidMessage:
            raise
        except Exception as error:  # the code is the user's: it may raise anything
            place = author_place(error)
            at = f" ({place})" if place else ""
            raise InvalidMessage(
                "bad_data", f"`schema` fails on this data: {type(error).__name__}: {error}{at}"
            ) from error

    return guarded


def _model_check(path: str) -> Check:
    module, _, name = path.partition(":")
    try:
        model = getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # the code is the user's: it may raise anything
        place = author_place(error)
        at = f" ({place})" if place else ""
        raise SetupError(f"`schema` {path} cannot be loaded: {type(error).__name__}: {error}{at}") from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise SetupError(f"`schema` {path} is not a pydantic model.")

    def check(data: JsonValue) -> None:
        try:
            model.model_validate(data)
        except ValidationError as error:
            raise InvalidMessage("bad_data", f"The data does not fit {name}: {describe_errors(error)}") from error

    return check


def _schema_check(validator: "Draft202012Validator") -> Check:
    def check(data: JsonValue) -> None:
        problem = next(validator.iter_errors(data), None)
        if problem is not None:
            raise InvalidMessage(
                "bad_data", f"The data does not fit the schema: {problem.json_path}: {problem.message}"
            )

    return check

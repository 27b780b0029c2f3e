"""Turns the one JSON value of a signal into the arguments of its handler, which may take several."""

import inspect
import typing
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from temporalio.converter import PayloadConverter

__all__ = ["SignalMismatch", "bind_signal_arguments"]


class SignalMismatch(Exception):
    """The value does not fit the handler; the message says why."""


def bind_signal_arguments(
    handler: Callable[..., Any],
    given: Sequence[Any],
    converter: PayloadConverter,
    *,
    by_place: Callable[[], bool] = lambda: True,
) -> list[Any]:
    """Return the handler's arguments in the types that it declares; one object may hold all of them by name.

    Args:
        handler: The handler.
        given: What was sent.
        converter: That of the run.
        by_place: Called if an object looks like the arguments by name, and is not: returns whether it may be the first
            argument instead.

    Raises:
        SignalMismatch: They do not fit.
    """
    signature = inspect.signature(handler)
    hints = typing.get_type_hints(handler.func if isinstance(handler, partial) else handler)
    try:
        bound = _by_name(signature, given, by_place) or signature.bind(*given)
        for name, value in bound.arguments.items():
            if name in hints and signature.parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL:
                [bound.arguments[name]] = converter.from_payloads([converter.to_payload(value)], [hints[name]])
    except (TypeError, ValueError, RuntimeError) as error:  # by `bind`, by pydantic, by temporalio's own converters
        raise SignalMismatch(str(error)) from error
    bound.apply_defaults()
    return list(bound.args)


def _by_name(
    signature: inspect.Signature, given: Sequence[Any], by_place: Callable[[], bool]
) -> inspect.BoundArguments | None:
    """Read one object as the arguments of a handler that takes several, if its fields are their names.

    An object that lacks a required one, such as ``{}``, may be the first argument itself.
    """
    known = signature.parameters.keys()
    if len(known) > 1 and len(given) == 1 and isinstance(given[0], dict) and given[0].keys() <= known:
        try:
            return signature.bind(**given[0])
        except TypeError:
            if not by_place():
                raise
    return None

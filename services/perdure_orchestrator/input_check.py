"""Whether a workflow can take the input of a start: a run that cannot read its input would fail before it begins."""

import inspect
from typing import Any

from pydantic import JsonValue
from temporalio.converter import PayloadConverter

from perdure.connections.temporal_internals import run_parameters
from perdure.errors import InvalidMessage

__all__ = ["refuse_unreadable_input"]


def refuse_unreadable_input(workflow: type, name: str, input_: JsonValue, converter: PayloadConverter) -> None:
    """Read an input as a worker will.

    Args:
        workflow: The class.
        name: Its name.
        input_: The only argument, or None for none.
        converter: That of the workers.

    Raises:
        InvalidMessage: ``bad_data``: the workflow takes another number of arguments, or another type.
    """
    run, types = run_parameters(workflow)
    arguments: list[Any] = [] if input_ is None else [input_]
    try:
        inspect.signature(run).bind(None, *arguments)
        # As temporalio does: without a value for each parameter, none is converted to its type.
        converter.from_payloads(converter.to_payloads(arguments), types if len(types or ()) == len(arguments) else None)
    except Exception as error:
        raise InvalidMessage("bad_data", f"The workflow {name} cannot take this input: {error}") from error

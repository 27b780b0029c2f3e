"""The result of a completed run, which only the last event of its history holds."""

import json
from typing import Any, Final

from pydantic import JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from perdure.errors import Unavailable
from perdure.flow.facts import RunEnd

__all__ = ["result_fields"]

_READ_IT: Final = "read it with a client of Temporal"


async def result_fields(converter: DataConverter, completed: HistoryEvent, kept: RunEnd | None) -> dict[str, JsonValue]:
    """Return the ``result`` of the ending, or the ``error`` that says why it has none.

    Args:
        converter: Reads the result.
        completed: The last event.
        kept: The end that the run's code kept; None if it ran without Perdure, or on another version of it.
    """
    if kept is not None and kept.ending.error is not None:
        return {"result": None}
    payloads = completed.workflow_execution_completed_event_attributes.result.payloads
    try:
        raws: list[RawValue] = await converter.decode(payloads, [RawValue] * len(payloads))
        values = [_shown(raw.payload) for raw in raws]
    except Unavailable:
        raise  # such as a missing key: it is tried again
    except Exception as error:
        if kept is not None:
            raise
        # Workers of others may have a data converter of their own: whatever it wrote, the run has completed.
        return {"result": None, "error": f"The result cannot be shown ({error}): {_READ_IT}"}
    value = values[0] if values else None
    return {"result": _unwrapped(value) if kept is not None and kept.wraps_result else value}


def _shown(payload: Payload) -> JsonValue:
    encoding = payload.metadata["encoding"].decode()
    if encoding == "binary/plain":
        return str(payload.data, "utf-8")
    if encoding != "binary/null" and not encoding.startswith("json/"):
        raise ValueError(f"it is not JSON but {encoding}")
    value: JsonValue = json.loads(payload.data or b"null")
    return value


def _unwrapped(result: Any) -> JsonValue:
    value: JsonValue = result["value"]
    return value

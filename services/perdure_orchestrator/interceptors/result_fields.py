"""What the last fact of a completed run holds of its result: Temporal returns more than JSON can show."""

import json
from typing import Any

from pydantic import JsonValue
from pydantic_core import PydanticSerializationError, to_json
from temporalio import workflow

from perdure.flow.result import WorkflowResult

__all__ = ["result_fields"]


def result_fields(result: Any) -> dict[str, JsonValue]:
    """Return the ``result`` of a fact, or the ``error`` that says why it has none.

    Args:
        result: What the run returned; of a ``WorkflowResult`` the value is shown.

    Raises:
        ValueError: Temporal cannot return it either, so the run must fail.
        RuntimeError: Likewise.
    """
    value = result.value if isinstance(result, WorkflowResult) else result
    try:
        return {"result": json.loads(to_json(value))}
    except (PydanticSerializationError, UnicodeDecodeError):
        payload = workflow.payload_converter().to_payload(result)
    encoding = payload.metadata["encoding"].decode()
    if encoding.startswith("json/"):
        return {"result": json.loads(payload.data)}
    return {"error": f"The result is not JSON ({encoding}): read it with a client of Temporal"}

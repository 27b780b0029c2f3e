"""An update or a query of a run, and what came of it: what the process of ``perdure.run_requests`` reads and prints."""

from typing import Literal

from pydantic import BaseModel, JsonValue

__all__ = ["RunAnswer", "RunRequest"]

Verdict = Literal["answered", "refused", "not_found", "pending", "unreachable"]


class RunRequest(BaseModel):
    """An update or a query.

    Attributes:
        workflow_id: The run.
        kind: What it is.
        name: As the workflow names it.
        args: Its arguments.
        within: Seconds to wait for the answer.
    """

    workflow_id: str
    kind: Literal["update", "query"]
    name: str
    args: list[JsonValue]
    within: float


class RunAnswer(BaseModel):
    """What came of it.

    Attributes:
        result: What the handler returned.
        error: Why there is no result, a sentence.
    """

    verdict: Verdict
    result: JsonValue = None
    error: str = ""

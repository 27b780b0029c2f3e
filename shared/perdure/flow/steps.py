"""The steps that the worker offers to agents: their names, what goes in and what comes out."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested, Progress, Receipt

__all__ = [
    "ASK_MODEL",
    "CALL_TOOL",
    "SAY",
    "STEP_HEADER",
    "Announcement",
    "EndedStep",
    "Fact",
    "ModelAnswer",
    "ModelRequest",
    "RunStory",
    "StepHeader",
    "ToolAnswer",
    "ToolRequest",
]

ASK_MODEL: Final = "ask_model"
CALL_TOOL: Final = "call_tool"
SAY: Final = "say"

STEP_HEADER: Final = "perdure-step"
"""The Temporal header in which a step learns its numbers; its value is a ``StepHeader``."""


Fact = ApprovalDecided | ApprovalExpired | ApprovalRequested | Progress | Receipt
"""What a run says of itself."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class EndedStep(_Part):
    """A step whose worker should have said how it went.

    Attributes:
        sequence: The number of its ``step_started``; the next one is of its end.
        error: Why it failed, if it did.
    """

    name: str
    sequence: int
    error: str | None = None


class RunStory(_Part):
    """What others were to say of a run that now ends."""

    beginning: Progress
    steps: tuple[EndedStep, ...]


class Announcement(_Part):
    """Facts that the run itself says; they go out in this order.

    Attributes:
        story: Comes with a run's ending: what the bus does not hold of it is said first.
    """

    facts: tuple[Annotated[Fact, Field(discriminator="type")], ...]
    story: RunStory | None = None


class StepHeader(_Part):
    """What the run tells a step about itself when it schedules it.

    Attributes:
        name: What people read.
        sequence: The number of ``step_started``; the next one is of ``step_completed`` or ``step_failed``.
        beginning: The run's ``started``, for the first step to say: that costs no Temporal task of its own.
    """

    name: str
    sequence: int
    event_id: str | None = None
    beginning: Progress | None = None


class ToolRequest(_Part):
    """One logical tool call.

    Attributes:
        servers: The MCP servers among which the tool is looked for.
        call_id: The model's name for the call, when a model asked for it.
    """

    servers: tuple[str, ...]
    tool: str
    arguments: dict[str, JsonValue]
    call_id: str = ""


class ToolAnswer(_Part):
    """What the tool gave.

    Attributes:
        text: All text parts of the result, joined by line breaks.
        structured: The structured content, if the tool has any.
    """

    tool: str
    call_id: str = ""
    text: str
    structured: JsonValue = None
    is_error: bool = False


class ModelRequest(_Part):
    """One request to a model.

    Attributes:
        model: A pydantic-ai model name; the configured one when absent.
        conversation: What was said before, in pydantic-ai's own JSON; opaque here.
        prompt: What the author asks now; absent when only tool results are brought.
        tool_answers: What the tools gave that the model asked for.
        servers: The MCP servers whose tools the model may ask for.
        output_schema: The JSON Schema of the wanted answer, for a structured one.
    """

    model: str | None = None
    instruction: str = ""
    conversation: tuple[dict[str, Any], ...] = ()
    prompt: str | None = None
    tool_answers: tuple[ToolAnswer, ...] = ()
    servers: tuple[str, ...] = ()
    output_schema: dict[str, Any] | None = None


class ModelAnswer(_Part):
    """What the model gave.

    Attributes:
        said: What this exchange adds to the conversation, in pydantic-ai's own JSON.
        tool_requests: The tools it wants called before it goes on.
        output: The structured answer, if one was wanted.
    """

    said: tuple[dict[str, Any], ...]
    text: str = ""
    tool_requests: tuple[ToolRequest, ...] = ()
    output: JsonValue = None
    model: str
    input_tokens: int = 0
    output_tokens: int = 0

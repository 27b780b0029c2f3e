"""The step that puts one request to a model: what goes in, what comes out."""

from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, PositiveInt

from perdure.contracts.usage import RunUsage, Usage
from perdure.flow.tool_call import FunctionTool, ToolAnswer

__all__ = ["ASK_MODEL", "ModelAnswer", "ModelRequest", "ToolWish"]

ASK_MODEL: Final = "ask_model"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelRequest(_Part):
    """One request to a model.

    Attributes:
        number: Counts the requests of the run from 1.
        spent: What the run had used when it made this request.
        began_at: From when on the wall time of the run is limited (UTC); absent where it is not.
        model: A pydantic-ai model name; the configured one when absent.
        model_settings: What pydantic-ai calls model settings, such as ``temperature``.
        earlier: Where the worker keeps the older part of the conversation.
        recent: What was said since, in pydantic-ai's own JSON; opaque here.
        prompt: What the author asks now; absent when only tool results are brought.
        tool_answers: What the tools gave that the model asked for.
        servers: The MCP servers whose tools the model may ask for.
        functions: The Python functions that it may ask for.
        output_schema: The JSON Schema of the wanted answer, for a structured one.
    """

    agent: str
    number: PositiveInt = 1
    spent: Usage = Usage()
    began_at: AwareDatetime | None = None
    model: str | None = None
    model_settings: dict[str, JsonValue] = {}
    instruction: str = ""
    earlier: str | None = None
    recent: tuple[dict[str, Any], ...] = ()
    prompt: str | None = None
    tool_answers: tuple[ToolAnswer, ...] = ()
    servers: tuple[str, ...] = ()
    functions: tuple[FunctionTool, ...] = ()
    output_schema: dict[str, Any] | None = None


class ToolWish(_Part):
    """A call that the model wants made before it goes on.

    Attributes:
        arguments: By name; absent when what the model wrote is no JSON object.
    """

    tool: str
    arguments: dict[str, JsonValue] | None
    call_id: str


class ModelAnswer(_Part):
    """What the model gave.

    Attributes:
        said: What this exchange adds to the conversation, in pydantic-ai's own JSON.
        earlier: Where the conversation up to now is kept, once it is too long to be carried; then ``said`` is empty.
        wishes: The tools it wants called.
        output: The structured answer, if one was wanted and the model gave one.
        model: Which model answered, by its provider's own name.
    """

    said: tuple[dict[str, Any], ...] = ()
    earlier: str | None = None
    text: str = ""
    wishes: tuple[ToolWish, ...] = ()
    output: JsonValue = None
    model: str
    usage: RunUsage = RunUsage()

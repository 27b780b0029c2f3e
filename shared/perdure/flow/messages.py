"""What goes into the activities of agents and tools, and what comes out of them."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, PositiveInt

from perdure.config.agents import RetrySettings
from perdure.contracts import Policy
from perdure.contracts.usage import RunUsage, Usage

__all__ = [
    "CALL_FUNCTION",
    "CALL_MODEL",
    "CALL_TOOL",
    "QUERY_SERVERS",
    "READ_RULES",
    "FunctionCall",
    "FunctionTool",
    "ModelRequest",
    "ModelResult",
    "OperatorRules",
    "ServerQuery",
    "ServerQueryResult",
    "ToolCall",
    "ToolError",
    "ToolRequest",
    "ToolResult",
]

CALL_MODEL: Final = "ask_model"
CALL_TOOL: Final = "call_tool"
CALL_FUNCTION: Final = "call_function"
QUERY_SERVERS: Final = "ask_server"
READ_RULES: Final = "read_rules"
"""The step that gives a run its ``Rules``."""


class _Payload(BaseModel):
    """A value in Temporal's histories. An ``alias`` is the name under which a field was first recorded: it stays."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class FunctionTool(_Payload):
    """A Python function, as a worker finds it again.

    Attributes:
        name: As models and authors call it.
        module: Where it is defined, at the top level or in a class.
        path: Its qualified name there.
        args: Positional arguments that a partial has bound.
        named: Keyword arguments that a partial has bound; no call sets them.
    """

    name: str
    module: str
    path: str
    args: tuple[JsonValue, ...] = ()
    named: dict[str, JsonValue] = {}


class ToolRequest(_Payload):
    """One logical tool call.

    Attributes:
        servers: The MCP servers among which the tool is looked for.
        arguments: By name.
        positional: Arguments without names; they take the names of the tool's parameters, in their order.
        call_id: The model's name for the call, when a model asked for it; what is wrong with it is told to the model.
        approved_by: Who approved this very call, where an approval was required.
        began_at: From when on the wall time of the run is limited (UTC); absent where it is not.
    """

    agent: str = ""
    servers: tuple[str, ...]
    tool: str
    arguments: dict[str, JsonValue]
    positional: tuple[JsonValue, ...] = ()
    call_id: str = ""
    approved_by: str | None = None
    began_at: AwareDatetime | None = None


class FunctionCall(_Payload):
    """One logical call of a Python function."""

    agent: str
    function: FunctionTool
    arguments: dict[str, JsonValue]
    positional: tuple[JsonValue, ...] = ()
    call_id: str = ""
    approved_by: str | None = None
    began_at: AwareDatetime | None = None


class ToolResult(_Payload):
    """What the tool gave.

    Attributes:
        text: All text parts of the result, joined by line breaks; for a model, with a line about each other part.
        other: For an author, the parts that are no text, such as images and links, in MCP's own JSON.
        structured: The structured content, if the tool has any.
        kept: Where the text lies instead, when it is long and only a model is to read it.
        is_error: The tool says that it failed; the text says why.
        needs_approval: Nothing was called: somebody must approve it first.
    """

    tool: str
    call_id: str = ""
    text: str = ""
    other: tuple[dict[str, JsonValue], ...] = ()
    structured: JsonValue = None
    stored_as: str | None = Field(default=None, alias="kept")
    is_error: bool = False
    needs_approval: bool = False

    @property
    def usage(self) -> RunUsage:
        """One call, if there was one."""
        return RunUsage(tool_calls=0 if self.needs_approval else 1)


class ServerQuery(_Payload):
    """What else one asks of MCP servers than to call a tool; of tools, also which functions the agent may use."""

    agent: str = ""
    servers: tuple[str, ...]
    functions: tuple[FunctionTool, ...] = ()
    about: Literal["tools", "resources", "resource", "prompts", "prompt"]
    name: str = ""
    arguments: dict[str, str] = {}


class ServerQueryResult(_Payload):
    """What they answer, each item in MCP's own JSON with its ``server``; functions have none."""

    items: tuple[dict[str, Any], ...]


class ToolError(Exception):
    """Raised by a tool's function: an answer that a model reads, not a failure that is tried again."""


class ModelRequest(_Payload):
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
    tool_results: tuple[ToolResult, ...] = Field(default=(), alias="tool_answers")
    servers: tuple[str, ...] = ()
    functions: tuple[FunctionTool, ...] = ()
    output_schema: dict[str, Any] | None = None


class ToolCall(_Payload):
    """A call that the model wants made before it goes on.

    Attributes:
        arguments: By name; absent when what the model wrote is no JSON object.
    """

    tool: str
    arguments: dict[str, JsonValue] | None
    call_id: str


class ModelResult(_Payload):
    """What the model gave.

    Attributes:
        said: What this exchange adds to the conversation, in pydantic-ai's own JSON.
        earlier: Where the conversation up to now is kept, once it is too long to be carried; then ``said`` is empty.
        wishes: The tools it wants called.
        output: The structured answer, if one was wanted and the model gave one.
        model: Which model answered, by its provider's own name.
    """

    messages: tuple[dict[str, Any], ...] = Field(default=(), alias="said")
    earlier: str | None = None
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), alias="wishes")
    output: JsonValue = None
    model: str
    usage: RunUsage = RunUsage()


class OperatorRules(_Payload):
    """So much of the configuration as a run decides by.

    Attributes:
        servers: The names of all MCP servers.
        requests: How requests to models are tried again, by default.
        calls: How calls of tools are tried again, by default.
        agents: How what an agent does is tried again, by the agent's name.
        approvals: Who may answer, by the workflow that asks.
    """

    servers: tuple[str, ...] = ()
    requests: RetrySettings | None = None
    calls: RetrySettings | None = None
    agents: dict[str, RetrySettings] = {}
    approvals: dict[str, Policy] = {}

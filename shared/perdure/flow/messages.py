"""Inputs and results of the activities of agents and tools."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field, JsonValue, PositiveInt

from perdure.contracts.usage import RunUsage, Usage
from perdure.flow.files import StoredFile, ToolFile, tool_files
from perdure.flow.payload import Payload
from perdure.flow.server_session import HeldElsewhere, ServerSession

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
    "ServerQuery",
    "ServerQueryResult",
    "ToolCall",
    "ToolError",
    "ToolRequest",
    "ToolResult",
]

# The names under which histories hold these activities: they never change.
CALL_MODEL: Final = "ask_model"
CALL_TOOL: Final = "call_tool"
CALL_FUNCTION: Final = "call_function"
QUERY_SERVERS: Final = "ask_server"
READ_RULES: Final = "read_rules"
"""The activity that returns the ``OperatorRules`` to a run."""

_LONGEST_FAILURE: Final = 2_000  # characters in a fact; the model gets more


class FunctionTool(Payload):
    """A Python function, by which a worker finds it.

    Attributes:
        name: The tool name.
        module: Where it is defined, at the top level or in a class.
        path: Its qualified name there.
        args: Positional arguments that a partial has bound.
        named: Keyword arguments that a partial has bound; no call sets them.
    """

    name: str
    module: str
    path: str
    args: tuple[JsonValue, ...] = ()
    named: dict[str, JsonValue] = Field(default_factory=dict)


class ToolRequest(Payload):
    """One logical tool call.

    Attributes:
        servers: The MCP servers that may have the tool.
        arguments: By name.
        positional: Arguments without names; they get the names of the tool's parameters in order.
        call_id: The model's id of the call, if a model made it; the model gets its errors.
        approved_by: The approvers of this very call, if an approval was required.
        began_at: When the limited wall time of the run began (UTC); None without a limit.
        original_run_id: The run id, as it was before the run was reset: the call is the same one again.
        sessions: The ids of the sessions in which the run has worked, by server.
        may_be_elsewhere: The servers whose sessions may be on another worker than that to which the call is sent.
        first_activity_id: Of the activity that may have made this call already, if this is another one.
    """

    agent: str = ""
    servers: tuple[str, ...]
    tool: str
    arguments: dict[str, JsonValue]
    positional: tuple[JsonValue, ...] = ()
    call_id: str = ""
    approved_by: str | None = None
    began_at: AwareDatetime | None = None
    original_run_id: str | None = None
    sessions: dict[str, str] = Field(default_factory=dict)
    may_be_elsewhere: tuple[str, ...] = ()
    first_activity_id: str | None = None


class FunctionCall(Payload):
    """One logical call of a Python function."""

    agent: str
    function: FunctionTool
    arguments: dict[str, JsonValue]
    positional: tuple[JsonValue, ...] = ()
    call_id: str = ""
    approved_by: str | None = None
    began_at: AwareDatetime | None = None


class ToolResult(Payload):
    """The result of a tool call.

    Attributes:
        text: All text parts, joined by line breaks; for a model, with a line about each other part.
        other: For an author, the other parts, such as images and links, in MCP's JSON.
        stored_files: For a model, the files among the other parts, in order; the text has the ``line`` of each.
        structured: The structured content, if the tool returned any.
        stored_as: The name under which a long text is stored that only a model reads; then ``text`` is empty, or the
            beginning of a reason.
        is_error: Whether the tool failed; then the text is the reason.
        needs_approval: The tool was not called, because the call needs an approval first.
        server: Then the MCP server whose tool is to be called; None for a function.
        session: In which the call was made, if the server keeps state.
        lost_session: In which it was not made, because it is gone; the text says why.
        held_elsewhere: Set if the call was not made, because it belongs to the worker that holds the session.
    """

    tool: str
    call_id: str = ""
    text: str = ""
    other: tuple[dict[str, JsonValue], ...] = ()
    stored_files: tuple[StoredFile, ...] = ()
    structured: JsonValue = None
    stored_as: str | None = Field(default=None, alias="kept")
    is_error: bool = False
    needs_approval: bool = False
    server: str | None = None
    session: ServerSession | None = None
    lost_session: ServerSession | None = None
    held_elsewhere: HeldElsewhere | None = None

    @property
    def usage(self) -> RunUsage:
        """One tool call, if the tool was called."""
        return RunUsage(tool_calls=0 if self.needs_approval or self.held_elsewhere else 1)

    @property
    def files(self) -> tuple[ToolFile, ...]:
        """The files among the other parts: images, sounds, and embedded resources with bytes."""
        return tuple(tool_files(self.other))

    @property
    def failure(self) -> str | None:
        """Why the tool failed, as facts have it: the beginning of its text; None if it did not fail."""
        return (self.text[:_LONGEST_FAILURE] or "the tool gave no reason") if self.is_error else None


class ServerQuery(Payload):
    """A query of MCP servers for what they offer; for tools it includes the agent's functions.

    Attributes:
        sessions: The ids of the sessions in which the run has worked, by server.
    """

    agent: str = ""
    servers: tuple[str, ...]
    functions: tuple[FunctionTool, ...] = ()
    about: Literal["tools", "resources", "resource", "prompts", "prompt"]
    name: str = ""
    arguments: dict[str, str] = Field(default_factory=dict)
    sessions: dict[str, str] = Field(default_factory=dict)


class ServerQueryResult(Payload):
    """The items found, in MCP's JSON, each with its ``server``; functions have none."""

    items: tuple[dict[str, Any], ...]


class ToolError(Exception):
    """Raised by a Python function that is a tool: the model reads the message, and the call is not retried."""


class ModelRequest(Payload):
    """One request to a model.

    Attributes:
        number: Which request of the run this is, from 1.
        spent: What the run had used before this request.
        began_at: When the limited wall time of the run began (UTC); None without a limit.
        model: A pydantic-ai model name, or several in the order in which to ask them; by default the configured ones.
        model_settings: What pydantic-ai calls model settings, such as ``temperature``.
        earlier: The name under which the worker stored the older part of the conversation.
        recent: The messages since then, in pydantic-ai's JSON; opaque here.
        prompt: The new user message; None if the request only returns tool results.
        tool_results: The results of the tool calls that the model made.
        servers: The MCP servers whose tools the model may call.
        functions: The Python functions that it may call.
        output_schema: The JSON Schema of a structured answer.
        allow_partial: Whether a text that is cut off or empty is an answer, too.
    """

    agent: str
    number: PositiveInt = 1
    spent: Usage = Usage()
    began_at: AwareDatetime | None = None
    model: str | tuple[str, ...] | None = None
    model_settings: dict[str, JsonValue] = Field(default_factory=dict)
    instruction: str = ""
    earlier: str | None = None
    recent: tuple[dict[str, Any], ...] = ()
    prompt: str | None = None
    tool_results: tuple[ToolResult, ...] = Field(default=(), alias="tool_answers")
    servers: tuple[str, ...] = ()
    functions: tuple[FunctionTool, ...] = ()
    output_schema: dict[str, Any] | None = None
    allow_partial: bool = False


class ToolCall(Payload):
    """A tool call that the model made.

    Attributes:
        arguments: By name; None if the model did not write a JSON object.
    """

    tool: str
    arguments: dict[str, JsonValue] | None
    call_id: str


class ModelResult(Payload):
    """The result of a request to a model.

    Attributes:
        messages: What this request adds to the conversation, in pydantic-ai's JSON.
        earlier: The name under which a long conversation is stored; then ``messages`` is empty.
        tool_calls: The tool calls that the model made.
        output: The structured answer, if one was requested and given.
        model: The model that answered, by its provider's name.
    """

    messages: tuple[dict[str, Any], ...] = Field(default=(), alias="said")
    earlier: str | None = None
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), alias="wishes")
    output: JsonValue = None
    model: str
    usage: RunUsage = RunUsage()

"""The steps that use tools: an MCP server's, or a Python function of the author's."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from perdure.contracts.usage import RunUsage

__all__ = [
    "ASK_SERVER",
    "CALL_FUNCTION",
    "CALL_TOOL",
    "FunctionCall",
    "FunctionTool",
    "ServerAnswer",
    "ServerQuestion",
    "ToolAnswer",
    "ToolRequest",
]

CALL_TOOL: Final = "call_tool"
CALL_FUNCTION: Final = "call_function"
ASK_SERVER: Final = "ask_server"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FunctionTool(_Part):
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


class ToolRequest(_Part):
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


class FunctionCall(_Part):
    """One logical call of a Python function."""

    agent: str
    function: FunctionTool
    arguments: dict[str, JsonValue]
    positional: tuple[JsonValue, ...] = ()
    call_id: str = ""
    approved_by: str | None = None
    began_at: AwareDatetime | None = None


class ToolAnswer(_Part):
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
    kept: str | None = None
    is_error: bool = False
    needs_approval: bool = False

    @property
    def usage(self) -> RunUsage:
        """One call, if there was one."""
        return RunUsage(tool_calls=0 if self.needs_approval else 1)


class ServerQuestion(_Part):
    """What else one asks of MCP servers than to call a tool; of tools, also which functions the agent may use."""

    agent: str = ""
    servers: tuple[str, ...]
    functions: tuple[FunctionTool, ...] = ()
    about: Literal["tools", "resources", "resource", "prompts", "prompt"]
    name: str = ""
    arguments: dict[str, str] = {}


class ServerAnswer(_Part):
    """What they answer, each item in MCP's own JSON with its ``server``; functions have none."""

    items: tuple[dict[str, Any], ...]

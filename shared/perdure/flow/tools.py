"""The tools of an agent: those of its MCP servers and its Python functions; each call is a durable step."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic_core import to_jsonable_python
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.flow.approval import approval
from perdure.flow.messages import (
    CALL_FUNCTION,
    CALL_TOOL,
    QUERY_SERVERS,
    FunctionCall,
    FunctionTool,
    ServerQuery,
    ServerQueryResult,
    ToolRequest,
    ToolResult,
)
from perdure.flow.outcomes import Approved
from perdure.flow.run import Run
from perdure.flow.step_options import StepOptions, rules_for_servers, run_step, wall_time_start

__all__ = ["Prompts", "Resources", "Toolbox", "Tools"]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What an agent can use, and how; a model's wishes and an author's calls go through it alike."""

    agent: str
    servers: tuple[str, ...]
    functions: dict[str, FunctionTool]
    trying: StepOptions

    async def use(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        positional: tuple[Any, ...] = (),
        call_id: str = "",
        trying: StepOptions = StepOptions(),  # noqa: B008 (frozen)
    ) -> ToolResult:
        """Call a tool, once somebody has approved it if that is required."""
        trying = trying.with_defaults(self.trying)
        await rules_for_servers(self.servers)
        request = self._request(tool, arguments, positional, call_id)
        answer = await self._perform(request, tool, trying)
        return await self._once_approved(request, tool, trying) if answer.needs_approval else answer

    def _request(
        self, tool: str, arguments: Mapping[str, Any], positional: tuple[Any, ...], call_id: str
    ) -> ToolRequest | FunctionCall:
        asked = {
            "agent": self.agent,
            "arguments": to_jsonable_python(dict(arguments)),
            "positional": to_jsonable_python(positional),
            "call_id": call_id,
            "began_at": wall_time_start(),
        }
        if tool in self.functions:
            return FunctionCall(function=self.functions[tool], **asked)
        return ToolRequest(servers=self.servers, tool=tool, **asked)

    async def _once_approved(self, request: ToolRequest | FunctionCall, tool: str, trying: StepOptions) -> ToolResult:
        match await approval(f"May {self.agent} call {tool}?", details={"tool": tool, **_shown(request)}):
            case Approved(by=by):
                return await self._perform(request.model_copy(update={"approved_by": by}), tool, trying)
            case other:
                why = f"The call of {tool} was not approved: {other.outcome}"
                told = ", ".join(filter(None, (getattr(other, "by", ""), getattr(other, "comment", ""))))
                text = f"{why} ({told})" if told else why
                return ToolResult(tool=tool, call_id=request.call_id, text=text, is_error=True)

    async def _perform(self, request: ToolRequest | FunctionCall, tool: str, trying: StepOptions) -> ToolResult:
        step = CALL_TOOL if isinstance(request, ToolRequest) else CALL_FUNCTION
        answer = await run_step(step, request, ToolResult, agent=self.agent, does=tool, trying=trying, kind="calls")
        Run.current().usage.add(answer.usage)
        return answer


class Tools:
    """``await agent.tools.read_text_file(path=...)``: each tool is an awaitable of its own name."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    def __getattr__(self, tool: str) -> Callable[..., Awaitable[str]]:
        if tool.startswith("_"):
            raise AttributeError(tool)

        async def call(*positional: Any, **arguments: Any) -> str:
            return _text(await self._box.use(tool, arguments, positional=positional))

        call.__name__ = tool
        return call

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        raises: bool = True,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> ToolResult:
        """Call a tool by name, and return all that it gave.

        Args:
            tool: Its name, also one that is no Python name.
            arguments: By name; anything that pydantic can turn into JSON.
            raises: Whether an answer that says ``is_error`` is raised.
            retry_policy: For this call; by default the agent's, then the configuration's.
            start_to_close_timeout: For one try of this call; by default the agent's, then ten minutes.

        Raises:
            ApplicationError: The tool failed (``ToolFailed``), or there is no such tool or argument (``ToolRefused``).
        """
        trying = StepOptions(retry_policy, start_to_close_timeout)
        answer = await self._box.use(tool, arguments or {}, trying=trying)
        if raises:
            _text(answer)
        return answer

    async def list(self) -> list[dict[str, Any]]:
        """Return what the agent may use, each as MCP describes a tool, with its ``server``; functions have none."""
        return await ask_servers(self._box, "tools")


class Resources:
    """The resources of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def read(self, uri: str) -> list[dict[str, Any]]:
        """Return the contents of a resource: each has its ``uri`` and a ``text`` or a ``blob`` (base64)."""
        return await ask_servers(self._box, "resource", uri)

    async def list(self) -> list[dict[str, Any]]:
        """Return what there is to read, each with its ``server``."""
        return await ask_servers(self._box, "resources")


class Prompts:
    """The prompts of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def get(self, name: str, **arguments: str) -> list[dict[str, Any]]:
        """Return the messages of a prompt, filled in: each has its ``role`` and ``content``."""
        return await ask_servers(self._box, "prompt", name, arguments)

    async def list(self) -> list[dict[str, Any]]:
        """Return what prompts there are, each with its ``server``."""
        return await ask_servers(self._box, "prompts")


async def ask_servers(
    box: Toolbox, about: Any, name: str = "", arguments: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Ask the agent's servers what they offer beside tools' results, as a durable step."""
    await rules_for_servers(box.servers)
    question = ServerQuery(
        agent=box.agent,
        servers=box.servers,
        functions=tuple(box.functions.values()),
        about=about,
        name=name,
        arguments=dict(arguments or {}),
    )
    does = f"{about} {name}".strip()
    answer = await run_step(
        QUERY_SERVERS, question, ServerQueryResult, agent=box.agent, does=does, trying=box.trying, kind="calls"
    )
    return list(answer.items)


def _shown(request: ToolRequest | FunctionCall) -> dict[str, Any]:
    """Return all arguments of a call, those too that a partial has bound."""
    bound, named = (request.function.args, request.function.named) if isinstance(request, FunctionCall) else ((), {})
    return {"arguments": {**request.arguments, **named}, "positional": [*bound, *request.positional]}


def _text(answer: ToolResult) -> str:
    if answer.is_error:
        message = f"The tool {answer.tool} failed: {answer.text}"
        raise ApplicationError(message, type="ToolFailed", non_retryable=True)
    return answer.text

"""The tools of an agent: those of its MCP servers and its Python functions. Each call is a durable step."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic_core import to_jsonable_python
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.flow.approval import approval
from perdure.flow.messages import (
    CALL_FUNCTION,
    CALL_TOOL,
    FunctionCall,
    FunctionTool,
    ToolRequest,
    ToolResult,
)
from perdure.flow.outcomes import Approved
from perdure.flow.run import Run
from perdure.flow.server_queries import ServerQueries
from perdure.flow.step_options import StepOptions, rules_for_servers, run_step, wall_time_start

__all__ = ["Prompts", "Resources", "Toolbox", "Tools"]

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of an agent and how they are called, by its model and by the author alike."""

    agent: str
    servers: tuple[str, ...]
    functions: dict[str, FunctionTool]
    options: StepOptions
    on_behalf_of: str | None = None

    @property
    def queries(self) -> ServerQueries:
        """Its queries of the servers."""
        return ServerQueries(self.agent, self.servers, tuple(self.functions.values()), self.options)

    async def use(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        positional: tuple[Any, ...] = (),
        call_id: str = "",
        options: StepOptions = StepOptions(),  # noqa: B008 (frozen)
    ) -> ToolResult:
        """Call a tool, after an approval if one is required."""
        options = options.with_defaults(self.options)
        await rules_for_servers(self.servers)
        request = self._request(tool, arguments, positional, call_id)
        answer = await self._perform(request, tool, options)
        if not answer.needs_approval:
            return answer
        if answer.server is None or isinstance(request, FunctionCall):
            return await self._call_if_approved(request, tool, options)
        exact = request.model_copy(update={"servers": (answer.server,)})  # whichever servers are up by then
        return await self._call_if_approved(exact, tool, options, {"server": answer.server})

    def _request(
        self, tool: str, arguments: Mapping[str, Any], positional: tuple[Any, ...], call_id: str
    ) -> ToolRequest | FunctionCall:
        fields = {
            "agent": self.agent,
            "arguments": to_jsonable_python(dict(arguments)),
            "positional": to_jsonable_python(positional),
            "call_id": call_id,
            "began_at": wall_time_start(),
        }
        if tool in self.functions:
            return FunctionCall(function=self.functions[tool], **fields)
        original = workflow.info().original_execution_run_id
        return ToolRequest(servers=self.servers, tool=tool, original_run_id=original, **fields)

    async def _call_if_approved(
        self, request: ToolRequest | FunctionCall, tool: str, options: StepOptions, shown: Mapping[str, str] = _NOTHING
    ) -> ToolResult:
        details = {"tool": tool, **shown, **_all_arguments(request)}
        match await approval(f"May {self.agent} call {tool}?", details=details, on_behalf_of=self.on_behalf_of):
            case Approved(by=by):
                return await self._perform(request.model_copy(update={"approved_by": by}), tool, options)
            case other:
                refusal = f"The call of {tool} was not approved: {other.outcome}"
                reason = ", ".join(filter(None, (getattr(other, "by", ""), getattr(other, "comment", ""))))
                text = f"{refusal} ({reason})" if reason else refusal
                return ToolResult(tool=tool, call_id=request.call_id, text=text, is_error=True)

    async def _perform(self, request: ToolRequest | FunctionCall, tool: str, options: StepOptions) -> ToolResult:
        if isinstance(request, ToolRequest):
            return await self._call_server(request, tool, options)
        return await self._run_step(CALL_FUNCTION, request, tool, options)

    async def _call_server(self, request: ToolRequest, tool: str, options: StepOptions) -> ToolResult:
        """Make a call where the run's session with its server is: only a worker knows whose tool it is."""
        sessions, servers = Run.current().sessions, request.servers
        request = request.model_copy(update={"sessions": sessions.ids(servers)})
        if not sessions.each_has_its_queue(servers):
            return await self._run_step(CALL_TOOL, request, tool, options, sessions.queue(servers))
        server, tried = sessions.server_of(servers, tool), set[str]()
        while True:
            tried.update([server] if server else ())
            elsewhere = tuple(name for name in request.sessions if name not in tried)
            queue = sessions.queue([server] if server else ())
            exact = request.model_copy(update={"may_be_elsewhere": elsewhere})
            answer = await self._run_step(CALL_TOOL, exact, tool, options, queue)
            if answer.held_elsewhere is None:
                return answer
            server = answer.held_elsewhere.server
            request = request.model_copy(update={"first_activity_id": answer.held_elsewhere.activity_id})

    async def _run_step(
        self,
        step: str,
        request: ToolRequest | FunctionCall,
        tool: str,
        options: StepOptions,
        first_queue: str | None = None,
    ) -> ToolResult:
        run = Run.current()
        answer = await run_step(
            step,
            request,
            ToolResult,
            agent=self.agent,
            does=tool,
            options=options,
            kind="calls",
            first_queue=first_queue,
        )
        run.sessions.record(self.servers, tool, answer)
        run.usage.add(answer.usage)
        return answer


class Tools:
    """The tools as awaitables: ``await agent.tools.read_text_file(path=...)``."""

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
        """Call a tool by name, and return its whole result.

        Args:
            tool: Its name; it need not be a Python identifier.
            arguments: By name; anything that pydantic can turn into JSON.
            raises: Whether to raise an error result.
            retry_policy: For this call; by default that of the agent, then that of the configuration.
            start_to_close_timeout: For one attempt; by default that of the agent, then ten minutes.

        Raises:
            ApplicationError: The tool failed (``ToolFailed``), it or an argument does not exist (``ToolRefused``), or
                the state in which the run has worked is gone (``SessionLost``): the next call begins anew.
        """
        options = StepOptions(retry_policy, start_to_close_timeout)
        answer = await self._box.use(tool, arguments or {}, options=options)
        if raises:
            _text(answer)
        return answer

    async def list(self) -> list[dict[str, Any]]:
        """Return the tools that the agent may use, in MCP's JSON, each with its ``server``; functions have none."""
        return await self._box.queries.list("tools")


class Resources:
    """The resources of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def read(self, uri: str) -> list[dict[str, Any]]:
        """Return the contents of a resource: each has its ``uri`` and a ``text`` or a ``blob`` (base64).

        Raises:
            ApplicationError: The state in which the run has worked is gone (``SessionLost``), as with a tool's call.
        """
        return await self._box.queries.read("resource", uri)

    async def list(self) -> list[dict[str, Any]]:
        """Return the available resources, each with its ``server``."""
        return await self._box.queries.list("resources")


class Prompts:
    """The prompts of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def get(self, name: str, **arguments: str) -> list[dict[str, Any]]:
        """Return the messages of a prompt with its arguments filled in: each has its ``role`` and ``content``."""
        return await self._box.queries.read("prompt", name, arguments)

    async def list(self) -> list[dict[str, Any]]:
        """Return the available prompts, each with its ``server``."""
        return await self._box.queries.list("prompts")


def _all_arguments(request: ToolRequest | FunctionCall) -> dict[str, Any]:
    """Return all arguments of a call, including those that a partial has bound."""
    bound, named = (request.function.args, request.function.named) if isinstance(request, FunctionCall) else ((), {})
    return {"arguments": {**request.arguments, **named}, "positional": [*bound, *request.positional]}


def _text(answer: ToolResult) -> str:
    if answer.lost_session is not None:
        raise ApplicationError(answer.text, type="SessionLost", non_retryable=True)
    if answer.is_error:
        message = f"The tool {answer.tool} failed: {answer.text}"
        raise ApplicationError(message, type="ToolFailed", non_retryable=True)
    return answer.text

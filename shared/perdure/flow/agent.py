"""An agent: a model with an instruction, tools, or both; every request and every call is a durable step."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from perdure.flow.steps import ASK_MODEL, CALL_TOOL, ModelAnswer, ModelRequest, ToolAnswer, ToolRequest

__all__ = ["Agent", "Llm", "Tools"]

Output = TypeVar("Output", bound=BaseModel)

_LONGEST_ANSWER: Final = timedelta(minutes=10)  # one try of a step; a dead worker is noticed by its heartbeat, earlier
_HEARTBEAT: Final = timedelta(seconds=5)
_MOST_TURNS: Final = 50  # a model that asks for tools for ever is stopped


class Agent:
    """Made inside a run, by name, as many as one likes, concurrently too; it holds nothing but its words.

    Args:
        name: What people read in progress and traces.
        instruction: The system prompt.
        server_names: The MCP servers, as the configuration names them, whose tools it has.
        model: A pydantic-ai model name; by default the configured one.
    """

    def __init__(
        self, name: str, *, instruction: str = "", server_names: Sequence[str] = (), model: str | None = None
    ) -> None:
        self.name = name
        self.llm = Llm(name, instruction, tuple(server_names), model)
        self.tools = Tools(name, tuple(server_names))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open: sessions and connections belong to the workers."""


class Tools:
    """The tools of an agent's MCP servers, each an awaitable: ``await agent.tools.read_text_file(path=...)``."""

    def __init__(self, agent: str, servers: tuple[str, ...]) -> None:
        self._agent = agent
        self._servers = servers

    def __getattr__(self, tool: str) -> Callable[..., Awaitable[str]]:
        if tool.startswith("_"):
            raise AttributeError(tool)

        async def call(**arguments: Any) -> str:
            request = ToolRequest(servers=self._servers, tool=tool, arguments=arguments)
            answer = await call_tool(self._agent, request)
            if answer.is_error:
                raise ApplicationError(f"The tool {tool} failed: {answer.text}", type="ToolFailed", non_retryable=True)
            return answer.text

        return call


class Llm:
    """The model of an agent; it remembers the conversation of this agent in this run."""

    def __init__(self, agent: str, instruction: str, servers: tuple[str, ...], model: str | None) -> None:
        self._agent = agent
        self._instruction = instruction
        self._servers = servers
        self._model = model
        self._conversation: list[dict[str, Any]] = []

    async def generate_str(self, prompt: str) -> str:
        """Ask, let the model use the agent's tools as it likes, and return its last words."""
        return (await self._converse(prompt, None)).text

    async def generate_structured(self, prompt: str, model: type[Output]) -> Output:
        """Ask for an answer in the shape of a pydantic model.

        Raises:
            pydantic.ValidationError: The model's answer has another shape.
        """
        return model.model_validate((await self._converse(prompt, model.model_json_schema())).output)

    async def _converse(self, prompt: str, schema: dict[str, Any] | None) -> ModelAnswer:
        wanted: str | None = prompt
        tool_answers: tuple[ToolAnswer, ...] = ()
        for _ in range(_MOST_TURNS):
            answer = await self._ask(wanted, tool_answers, schema)
            self._conversation.extend(answer.said)
            if not answer.tool_requests:
                return answer
            wanted = None
            tool_answers = tuple([await call_tool(self._agent, request) for request in answer.tool_requests])
        raise ApplicationError(
            f"The model of {self._agent} asked for tools {_MOST_TURNS} times in a row and gave no answer.",
            type="TooManyTurns",
            non_retryable=True,
        )

    async def _ask(
        self, prompt: str | None, tool_answers: tuple[ToolAnswer, ...], schema: dict[str, Any] | None
    ) -> ModelAnswer:
        request = ModelRequest(
            model=self._model,
            instruction=self._instruction,
            conversation=tuple(self._conversation),
            prompt=prompt,
            tool_answers=tool_answers,
            servers=self._servers,
            output_schema=schema,
        )
        answer: ModelAnswer = await workflow.execute_activity(
            ASK_MODEL,
            request,
            result_type=ModelAnswer,
            summary=f"{self._agent}: ask",
            start_to_close_timeout=_LONGEST_ANSWER,
            heartbeat_timeout=_HEARTBEAT,
        )
        return answer


async def call_tool(agent: str, request: ToolRequest) -> ToolAnswer:
    """Call a tool as a durable step."""
    answer: ToolAnswer = await workflow.execute_activity(
        CALL_TOOL,
        request,
        result_type=ToolAnswer,
        summary=f"{agent}: {request.tool}",
        start_to_close_timeout=_LONGEST_ANSWER,
        heartbeat_timeout=_HEARTBEAT,
    )
    return answer

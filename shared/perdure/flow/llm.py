"""The model of an agent: each request to it is a durable step, and so is each tool call that it makes."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, Literal, TypeVar, overload

from pydantic import BaseModel, JsonValue, ValidationError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.contracts.usage import RunUsage
from perdure.flow.messages import CALL_MODEL, ModelRequest, ModelResult, ToolCall, ToolResult
from perdure.flow.run import Run
from perdure.flow.step_options import StepOptions, rules_for_servers, run_step, wall_time_start
from perdure.flow.tools import Toolbox
from perdure.flow.turns import TurnLimits, Turns

__all__ = ["Llm", "Reply"]

Output = TypeVar("Output", bound=BaseModel)
Given = TypeVar("Given")

_MAX_SHAPES: Final = 3  # attempts to get an answer of the wanted shape


@dataclass(frozen=True, slots=True)
class Reply(Generic[Given]):
    """The result of ``generate``.

    Attributes:
        text: The model's final text.
        output: The answer in the requested shape; None without one.
        usage: Of all requests and tool calls that it took.
        model: The model that gave the final answer, by its provider's name.
    """

    text: str
    output: Given
    usage: RunUsage
    model: str


class Llm:
    """The model of an agent; it keeps the conversation of this agent in this run."""

    def __init__(  # noqa: PLR0913 (the options of an agent)
        self,
        box: Toolbox,
        *,
        instruction: str,
        model: str | tuple[str, ...] | None,
        model_settings: dict[str, JsonValue],
        tool_errors: Literal["tell", "raise"],
        allow_partial: bool,
        limits: TurnLimits,
    ) -> None:
        self._box = box
        self._limits = limits
        self._request = ModelRequest(
            agent=box.agent,
            model=model,
            model_settings=model_settings,
            instruction=instruction,
            servers=box.servers,
            functions=tuple(box.functions.values()),
            allow_partial=allow_partial,
        )
        self._tool_errors = tool_errors
        self._one_at_a_time = asyncio.Lock()  # two prompts at once would mix up the conversation

    async def generate_str(
        self,
        prompt: str,
        *,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> str:
        """Send a prompt, let the model call the agent's tools, and return its final text.

        Args:
            prompt: The user's message.
            retry_policy: For each request; by default that of the agent, then that of the configuration.
            start_to_close_timeout: For one attempt of a request; by default that of the agent, then ten minutes.
        """
        async with self._one_at_a_time:
            return (await self._converse(prompt, None, StepOptions(retry_policy, start_to_close_timeout))).text

    async def generate_structured(
        self,
        prompt: str,
        model: type[Output],
        *,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> Output:
        """Request an answer in the shape of a pydantic model; an answer of another shape is requested twice more.

        Raises:
            ApplicationError: The model answered in another shape each time (``WrongShape``).
        """
        return (await self._shaped(prompt, model, StepOptions(retry_policy, start_to_close_timeout))).output

    @overload
    async def generate(
        self,
        message: str | BaseModel,
        *,
        shape: None = None,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> Reply[None]: ...

    @overload
    async def generate(
        self,
        message: str | BaseModel,
        *,
        shape: type[Output],
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> Reply[Output]: ...

    async def generate(
        self,
        message: str | BaseModel,
        *,
        shape: type[BaseModel] | None = None,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> Reply[Any]:
        """Send a message, and return the answer with its usage.

        Args:
            message: The user's message; a pydantic model is sent as its JSON.
            shape: The requested shape of the answer, which is the reply's ``output``.
            retry_policy: As with ``generate_str``.
            start_to_close_timeout: As with ``generate_str``.

        Raises:
            ApplicationError: As with ``generate_structured``, if a shape is given.
        """
        prompt = message.model_dump_json() if isinstance(message, BaseModel) else message
        options = StepOptions(retry_policy, start_to_close_timeout)
        if shape is not None:
            return await self._shaped(prompt, shape, options)
        async with self._one_at_a_time:
            return await self._converse(prompt, None, options)

    async def _shaped(self, prompt: str, shape: type[Output], options: StepOptions) -> Reply[Output]:
        usage, wrong = RunUsage(), ""
        async with self._one_at_a_time:
            for _ in range(_MAX_SHAPES):
                reply = await self._converse(prompt, shape.model_json_schema(), options)
                usage += reply.usage
                try:
                    return Reply(reply.text, shape.model_validate(reply.output), usage, reply.model)
                except ValidationError as error:
                    wrong = _one_line(error)
                    prompt = f"Your answer does not have the shape that was asked for: {wrong}. Give it again."
        raise ApplicationError(
            f"The model of {self._box.agent} gave no {shape.__name__} in {_MAX_SHAPES} answers: {wrong}",
            type="WrongShape",
            non_retryable=True,
        )

    async def _converse(self, prompt: str, schema: dict[str, Any] | None, options: StepOptions) -> Reply[JsonValue]:
        await rules_for_servers(self._box.servers)
        message: str | None = prompt
        results: tuple[ToolResult, ...] = ()
        usage = RunUsage()
        turns = Turns(self._box.agent, self._limits)
        for _ in range(self._limits.turns):
            answer = await self._request_model(message, results, schema, options)
            usage += answer.usage
            if not answer.tool_calls:
                return Reply(answer.text, answer.output, usage, answer.model)
            await turns.count(answer.tool_calls)
            message = None
            results = tuple(await asyncio.gather(*map(self._call_tool, answer.tool_calls)))
            usage += RunUsage(tool_calls=len(results))
        raise await turns.error()

    async def _call_tool(self, call: ToolCall) -> ToolResult:
        if call.arguments is None:
            text = f"{call.tool} was called with arguments that are not a JSON object"
            answer = ToolResult(tool=call.tool, call_id=call.call_id, text=text, is_error=True)
        else:
            answer = await self._box.use(call.tool, call.arguments, call_id=call.call_id)
        if answer.is_error and self._tool_errors == "raise":
            message = f"The tool {answer.tool} failed: {answer.text}"
            raise ApplicationError(message, type="ToolFailed", non_retryable=True)
        return answer

    async def _request_model(
        self, prompt: str | None, results: tuple[ToolResult, ...], schema: dict[str, Any] | None, options: StepOptions
    ) -> ModelResult:
        run = Run.current()
        request = self._request.model_copy(
            update={
                "number": run.usage.next_request(),
                "spent": run.usage.used.total,
                "began_at": wall_time_start(),
                "prompt": prompt,
                "tool_results": results,
                "output_schema": schema,
            }
        )
        options = options.with_defaults(self._box.options)
        answer = await run_step(
            CALL_MODEL, request, ModelResult, agent=self._box.agent, does="ask", options=options, kind="requests"
        )
        run.usage.add(answer.usage)
        recent = (*self._request.recent, *answer.messages) if answer.earlier is None else ()
        self._request = self._request.model_copy(
            update={"recent": recent, "earlier": answer.earlier or self._request.earlier}
        )
        return answer


def _one_line(error: ValidationError) -> str:
    """Return what is wrong where, in one line."""
    return "; ".join(": ".join(filter(None, (".".join(map(str, it["loc"])), it["msg"]))) for it in error.errors())

"""The model of an agent: each request is a durable step, and so is each call of a tool that it asks for."""

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

__all__ = ["Llm", "Reply"]

Output = TypeVar("Output", bound=BaseModel)
Given = TypeVar("Given")

_MOST_TURNS: Final = 50  # a model that asks for tools for ever is stopped
_MOST_SHAPES: Final = 3  # so often is an answer asked for that has another shape


@dataclass(frozen=True, slots=True)
class Reply(Generic[Given]):
    """What ``generate`` returns.

    Attributes:
        text: The model's last words.
        output: The answer in the shape that was asked for; nothing if none was.
        usage: Of all requests and calls that it took.
    """

    text: str
    output: Given
    usage: RunUsage


class Llm:
    """The model of an agent; it remembers the conversation of this agent in this run."""

    def __init__(
        self,
        box: Toolbox,
        *,
        instruction: str,
        model: str | None,
        model_settings: dict[str, JsonValue],
        tool_errors: Literal["tell", "raise"],
    ) -> None:
        self._box = box
        self._request = ModelRequest(
            agent=box.agent,
            model=model,
            model_settings=model_settings,
            instruction=instruction,
            servers=box.servers,
            functions=tuple(box.functions.values()),
        )
        self._tool_errors = tool_errors
        self._one_at_a_time = asyncio.Lock()  # two prompts at once would tear the conversation

    async def generate_str(
        self,
        prompt: str,
        *,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> str:
        """Ask, let the model use the agent's tools as it likes, and return its last words.

        Args:
            prompt: What a user would say.
            retry_policy: For each request; by default the agent's, then the configuration's.
            start_to_close_timeout: For one try of a request; by default the agent's, then ten minutes.
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
        """Ask for an answer in the shape of a pydantic model; one of another shape is asked for twice more.

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
        """Ask, and return the answer with what it cost.

        Args:
            message: What a user would say; a pydantic model is put as its JSON.
            shape: The wanted shape of the answer, which is then the reply's ``output``.
            retry_policy: As with ``generate_str``.
            start_to_close_timeout: As with ``generate_str``.

        Raises:
            ApplicationError: As with ``generate_structured``, if a shape is asked for.
        """
        prompt = message.model_dump_json() if isinstance(message, BaseModel) else message
        trying = StepOptions(retry_policy, start_to_close_timeout)
        if shape is not None:
            return await self._shaped(prompt, shape, trying)
        async with self._one_at_a_time:
            return await self._converse(prompt, None, trying)

    async def _shaped(self, prompt: str, shape: type[Output], trying: StepOptions) -> Reply[Output]:
        usage, wrong = RunUsage(), ""
        async with self._one_at_a_time:
            for _ in range(_MOST_SHAPES):
                reply = await self._converse(prompt, shape.model_json_schema(), trying)
                usage += reply.usage
                try:
                    return Reply(reply.text, shape.model_validate(reply.output), usage)
                except ValidationError as error:
                    wrong = _told(error)
                    prompt = f"Your answer does not have the shape that was asked for: {wrong}. Give it again."
        raise ApplicationError(
            f"The model of {self._box.agent} gave no {shape.__name__} in {_MOST_SHAPES} answers: {wrong}",
            type="WrongShape",
            non_retryable=True,
        )

    async def _converse(self, prompt: str, schema: dict[str, Any] | None, trying: StepOptions) -> Reply[JsonValue]:
        await rules_for_servers(self._box.servers)
        wanted: str | None = prompt
        results: tuple[ToolResult, ...] = ()
        usage = RunUsage()
        for _ in range(_MOST_TURNS):
            answer = await self._ask(wanted, results, schema, trying)
            usage += answer.usage
            if not answer.tool_calls:
                return Reply(answer.text, answer.output, usage)
            wanted = None
            results = tuple(await asyncio.gather(*map(self._grant, answer.tool_calls)))
            usage += RunUsage(tool_calls=len(results))
        raise ApplicationError(
            f"The model of {self._box.agent} asked for tools {_MOST_TURNS} times in a row and gave no answer.",
            type="TooManyTurns",
            non_retryable=True,
        )

    async def _grant(self, wish: ToolCall) -> ToolResult:
        if wish.arguments is None:
            text = f"{wish.tool} was called with arguments that are no JSON object"
            answer = ToolResult(tool=wish.tool, call_id=wish.call_id, text=text, is_error=True)
        else:
            answer = await self._box.use(wish.tool, wish.arguments, call_id=wish.call_id)
        if answer.is_error and self._tool_errors == "raise":
            message = f"The tool {answer.tool} failed: {answer.text}"
            raise ApplicationError(message, type="ToolFailed", non_retryable=True)
        return answer

    async def _ask(
        self, prompt: str | None, results: tuple[ToolResult, ...], schema: dict[str, Any] | None, trying: StepOptions
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
        trying = trying.with_defaults(self._box.trying)
        answer = await run_step(
            CALL_MODEL, request, ModelResult, agent=self._box.agent, does="ask", trying=trying, kind="requests"
        )
        run.usage.add(answer.usage)
        recent = (*self._request.recent, *answer.messages) if answer.earlier is None else ()
        self._request = self._request.model_copy(
            update={"recent": recent, "earlier": answer.earlier or self._request.earlier}
        )
        return answer


def _told(error: ValidationError) -> str:
    """Say in one line what is wrong where."""
    return "; ".join(": ".join(filter(None, (".".join(map(str, it["loc"])), it["msg"]))) for it in error.errors())

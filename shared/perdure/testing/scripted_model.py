"""A model with scripted replies that records its prompts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.settings import ModelSettings

from perdure.values.author_code import author_place
from perdure.values.nearest import nearest
from perdure.values.printable import one_line

__all__ = ["Line", "ScriptedModel", "ToolUse"]

_SHOWN: Final = 500  # characters of a tool's result


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A reply that calls a tool.

    Attributes:
        tool: Its name.
        arguments: By parameter.
        unoffered: The model calls a tool that the agent does not offer, on purpose: the agent refuses, and goes on.
            Otherwise such a call is a mistake of the test, and fails it.
    """

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    unoffered: bool = False


Line = str | BaseModel | ToolUse | list[ToolUse] | Exception
"""A reply of the model: text, a structured result, tool calls, or an error to raise."""


class ScriptedModel:
    """Returns the replies of its script in order, to whichever agent calls it.

    Args:
        script: The replies, or a function from prompt to reply, for agents that call concurrently.

    Attributes:
        prompts: The user prompts, oldest first; requests with only tool results are left out.
        offered_tools: The names of the tools in the last request.
        on_mistake: Called with a sentence when the script does not fit the requests.
    """

    def __init__(self, script: Iterable[Line] | Callable[[str], Line] = ()) -> None:
        self._script = script if callable(script) else iter(script)
        self._used = 0
        self._model = FunctionModel(self._respond, model_name="scripted")
        self.prompts: list[str] = []
        self.offered_tools: list[str] = []
        self.on_mistake: Callable[[str], None] = lambda _: None

    def names(self, wanted: str | tuple[str, ...] | None) -> tuple[str, ...]:  # noqa: ARG002 (one model stands in for all)
        """Return the name of the scripted model."""
        return (self._model.model_name,)

    def named(self, name: str) -> Model:  # noqa: ARG002 (one model stands in for all)
        """Return the scripted model for any name."""
        return self._model

    async def was_replaced(self, name: str, model: Model) -> bool:  # noqa: ARG002 (one model stands in for all)
        """Return that no key has changed; there are none."""
        return False

    async def close(self) -> None:
        """Do nothing; there are no connections."""

    def redact(self, text: str) -> str:
        """Return the text unchanged; there are no keys."""
        return text

    def settings(self) -> ModelSettings:
        """Return empty settings."""
        return ModelSettings()

    async def _respond(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.offered_tools = [tool.name for tool in info.function_tools]
        prompt = _latest_prompt(messages)
        if prompt is not None:
            self.prompts.append(prompt)
        reply = self._next(prompt or "", messages)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, BaseModel):
            if not info.output_tools:
                raise self._mistake(f"The script answers {prompt!r} with {reply!r}, but the agent expects text.")
            reply = ToolUse(info.output_tools[0].name, reply.model_dump(mode="json"), unoffered=True)
        uses = [reply] if isinstance(reply, ToolUse) else reply
        if isinstance(uses, str):
            return ModelResponse([TextPart(uses)])
        if not isinstance(uses, list):
            raise self._mistake(f"The script answers {_described(messages)} with {reply!r}: no text, model or ToolUse.")
        offered = [*self.offered_tools, *(tool.name for tool in info.output_tools)]
        for use in uses:
            self._expect_offered(use, offered)
        return ModelResponse([ToolCallPart(use.tool, use.arguments) for use in uses])

    def _next(self, prompt: str, messages: Sequence[ModelMessage]) -> Line:
        if callable(self._script):
            return self._scripted(prompt, self._script)
        reply = next(self._script, None)
        if reply is None:
            used, request = self._used, _described(messages)
            raise self._mistake(f"The script of the model has no reply left ({used} used) for {request}")
        self._used += 1
        return reply

    def _scripted(self, prompt: str, script: Callable[[str], Line]) -> Line:
        try:
            return script(prompt)
        except Exception as error:
            place = author_place(error)
            at = f" at {place}" if place else ""
            raise self._mistake(f"The script of the model raised {type(error).__name__}: {error}{at}") from error

    def _expect_offered(self, use: ToolUse, offered: Sequence[str]) -> None:
        if not use.unoffered and use.tool not in offered:
            raise self._mistake(
                f"The script calls the tool {use.tool}, which the agent does not offer"
                f"{nearest(use.tool, offered, stop='.')} Pass its server to the run, as servers={{...}}, or write "
                f"ToolUse({use.tool!r}, ..., unoffered=True) to try what a refusal does."
            )

    def _mistake(self, sentence: str) -> UserError:
        """Report a mistake of the test, and return the error that fails the step without a retry."""
        self.on_mistake(sentence)
        return UserError(sentence)


def _described(messages: Sequence[ModelMessage]) -> str:
    """Describe what a request asks: its prompt, or the results of the tools that the reply before has called."""
    parts = messages[-1].parts if isinstance(messages[-1], ModelRequest) else []
    asked = [f"the prompt: {part.content}" for part in parts if isinstance(part, UserPromptPart)]
    tools = [
        f"the result of the tool {part.tool_name}: {one_line(str(part.content))[:_SHOWN]}"
        for part in parts
        if isinstance(part, ToolReturnPart | RetryPromptPart)
    ]
    return "; ".join([*asked, *tools]) or "a request without a prompt"


def _latest_prompt(messages: list[ModelMessage]) -> str | None:
    latest = messages[-1]
    parts = latest.parts if isinstance(latest, ModelRequest) else []
    prompts = [str(part.content) for part in parts if isinstance(part, UserPromptPart)]
    return prompts[-1] if prompts else None

"""A model with scripted replies that records its prompts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.settings import ModelSettings

__all__ = ["Line", "ScriptedModel", "ToolUse"]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A reply that calls a tool."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


Line = str | BaseModel | ToolUse | list[ToolUse] | Exception
"""A reply of the model: text, a structured result, tool calls, or an error to raise."""


class ScriptedModel:
    """Returns the replies of its script in order, to whichever agent calls it.

    Args:
        script: The replies, or a function from prompt to reply, for agents that call concurrently.

    Attributes:
        prompts: The user prompts, oldest first; requests with only tool results are left out.
        offered_tools: The names of the tools in the last request.
    """

    def __init__(self, script: Iterable[Line] | Callable[[str], Line] = ()) -> None:
        self._script = script if callable(script) else iter(script)
        self._model = FunctionModel(self._respond, model_name="scripted")
        self.prompts: list[str] = []
        self.offered_tools: list[str] = []

    def named(self, name: str | None) -> Model:  # noqa: ARG002 (one model stands in for all)
        """Return the scripted model for any name."""
        return self._model

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
        reply = self._next(prompt or "")
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, BaseModel):
            reply = ToolUse(info.output_tools[0].name, reply.model_dump(mode="json"))
        uses = [reply] if isinstance(reply, ToolUse) else reply
        if isinstance(uses, str):
            return ModelResponse([TextPart(uses)])
        return ModelResponse([ToolCallPart(use.tool, use.arguments) for use in uses])

    def _next(self, prompt: str) -> Line:
        if callable(self._script):
            return self._script(prompt)
        reply = next(self._script, None)
        if reply is None:
            raise AssertionError(f"The script has no reply left for the prompt: {prompt}")
        return reply


def _latest_prompt(messages: list[ModelMessage]) -> str | None:
    latest = messages[-1]
    parts = latest.parts if isinstance(latest, ModelRequest) else []
    prompts = [str(part.content) for part in parts if isinstance(part, UserPromptPart)]
    return prompts[-1] if prompts else None

"""A model that says what the test wants it to say, and remembers what it was asked."""

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
    """The model asks for a tool before it goes on."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


Line = str | BaseModel | ToolUse | list[ToolUse] | Exception
"""What the model says: words, a structured answer, calls of tools, or the way in which it fails."""


class ScriptedModel:
    """Says its lines one after another, whichever agent asks.

    Args:
        script: The lines; or a function that makes one from the prompt, for agents that ask at the same time.

    Attributes:
        prompts: What it was asked, oldest first; what only brings results of tools is not among it.
        offered: The names of the tools that it could have used at the last request.
    """

    def __init__(self, script: Iterable[Line] | Callable[[str], Line] = ()) -> None:
        self._script = script if callable(script) else iter(script)
        self._model = FunctionModel(self._answer, model_name="scripted")
        self.prompts: list[str] = []
        self.offered: list[str] = []

    def named(self, name: str | None) -> Model:  # noqa: ARG002 (it plays all of them)
        """Return the model, whatever it is called."""
        return self._model

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def redact(self, text: str) -> str:
        """Return the text: there are no keys."""
        return text

    def settings(self) -> ModelSettings:
        """Return no settings."""
        return ModelSettings()

    async def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.offered = [tool.name for tool in info.function_tools]
        prompt = _newest_prompt(messages)
        if prompt is not None:
            self.prompts.append(prompt)
        line = self._next(prompt or "")
        if isinstance(line, Exception):
            raise line
        if isinstance(line, BaseModel):
            line = ToolUse(info.output_tools[0].name, line.model_dump(mode="json"))
        uses = [line] if isinstance(line, ToolUse) else line
        if isinstance(uses, str):
            return ModelResponse([TextPart(uses)])
        return ModelResponse([ToolCallPart(use.tool, use.arguments) for use in uses])

    def _next(self, prompt: str) -> Line:
        if callable(self._script):
            return self._script(prompt)
        line = next(self._script, None)
        if line is None:
            raise AssertionError(f"The script has no line left for: {prompt}")
        return line


def _newest_prompt(messages: list[ModelMessage]) -> str | None:
    newest = messages[-1]
    parts = newest.parts if isinstance(newest, ModelRequest) else []
    prompts = [str(part.content) for part in parts if isinstance(part, UserPromptPart)]
    return prompts[-1] if prompts else None

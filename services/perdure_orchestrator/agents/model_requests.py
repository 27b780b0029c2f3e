"""Requests to models: the first of them that answers, asked only while its provider is not down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from temporalio.exceptions import ApplicationError

from perdure.errors import PerdureError
from perdure_orchestrator.agents.breakers import Breakers
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.fallback import all_failed, fallback_note, lets_next_answer
from perdure_orchestrator.agents.model_port import ModelPort
from perdure_orchestrator.agents.operation_duration import measured_operation
from perdure_orchestrator.agents.provider_error_text import provider_error_text
from perdure_orchestrator.agents.refused_files import RefusedFiles

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelAnswer", "ModelContent", "ModelRequests"]


@dataclass(frozen=True, slots=True)
class ModelContent:
    """What a model is sent, whichever it is.

    Attributes:
        agent: Who asks.
        step: The step that does, for as long as it is retried.
        parameters: The tools that it may use, and the shape of its answer.
        settings: What pydantic-ai calls model settings.
        allow_partial: Whether a text that is cut off or empty is an answer, too.
        publish_note: Publishes a note of the step.
    """

    agent: str
    step: str
    messages: Sequence[ModelMessage]
    parameters: ModelRequestParameters
    settings: dict[str, Any]
    allow_partial: bool
    publish_note: Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The answer of a model, with a note if that is not the first choice."""

    response: ModelResponse
    note: str | None


class ModelRequests:
    """Sends requests to models.

    Args:
        models: Finds them by name.
        breakers: Say which may be asked now.
        conversations: Has the files of tool results.
    """

    def __init__(self, models: ModelPort, breakers: Breakers, conversations: Conversations) -> None:
        self._models = models
        self._breakers = breakers
        self._conversations = conversations
        self._refused_files = RefusedFiles()

    async def answer(self, wanted: str | tuple[str, ...] | None, content: ModelContent) -> ModelAnswer:
        """Return the answer of the first model that gives one.

        Args:
            wanted: The models to ask, by default the configured ones.
            content: What they are sent.

        Raises:
            ApplicationError: None answered, or the request is at fault.
        """
        failures: dict[str, ApplicationError] = {}
        for name in self._models.names(wanted):
            try:
                response = await self._answer_of(name, content)
            except ApplicationError as error:
                if not lets_next_answer(error):
                    raise
                failures[name] = error
            else:
                return ModelAnswer(response, fallback_note(content.agent, name, failures) if failures else None)
        raise all_failed(failures)

    async def _answer_of(self, name: str, content: ModelContent) -> ModelResponse:
        """Return a model's answer; if it is empty, that to the same request once more, up to three times in all."""
        from perdure_orchestrator.agents import model_answers  # noqa: PLC0415 (a slow import)

        number = 1
        while True:
            with self._breakers.asking(name, content.step):
                response = await self._response_or_error(name, content)
            refused = model_answers.answer_error(response, allow_partial=content.allow_partial)
            if refused is None:
                return model_answers.with_distinct_calls(response)
            if refused.type != model_answers.EMPTY_ANSWER or number == model_answers.MOST_EMPTY:
                raise refused
            number += 1

    async def _response_or_error(self, name: str, content: ModelContent) -> ModelResponse:
        from perdure_orchestrator.agents.model_errors import to_application_error  # noqa: PLC0415 (a slow import)
        from perdure_orchestrator.agents.models import UnknownModel  # noqa: PLC0415 (likewise)

        try:
            return await self._response(name, content)
        except Exception as error:
            if isinstance(error, PerdureError) and not isinstance(error, UnknownModel):
                raise  # of the store of files, say: no provider is at fault, and no other model would fare better
            text = self._models.redact(provider_error_text(error))
            raise to_application_error(error, text, name) from None  # the cause would be recorded, with all keys

    async def _response(self, name: str, content: ModelContent) -> ModelResponse:
        """Send a request; once more if the provider refuses a key that has been replaced since it was read."""
        from pydantic_ai.exceptions import ModelAuthenticationError  # noqa: PLC0415 (a slow import)

        model = self._models.named(name)
        try:
            return await self._send(model, content)
        except ModelAuthenticationError:
            if not await self._models.was_replaced(name, model):
                raise
        return await self._send(self._models.named(name), content)

    async def _send(self, model: Model, content: ModelContent) -> ModelResponse:
        from pydantic_ai.direct import model_request  # noqa: PLC0415 (a slow import: only workers that call models pay)
        from pydantic_ai.models.instrumented import InstrumentationSettings  # noqa: PLC0415 (likewise)

        from perdure_orchestrator.agents.model_files import ModelFiles  # noqa: PLC0415 (likewise)

        settings = {**self._models.settings(), **content.settings}
        if "timeout" in settings:  # the SDKs' own is that of each read: a body that trickles would never end
            settings.setdefault("request_timeout", settings["timeout"])

        async def send(messages: list[ModelMessage]) -> ModelResponse:
            with measured_operation(model.system, model.model_name):
                return await model_request(
                    model,
                    messages,
                    model_settings=cast("ModelSettings", settings),
                    model_request_parameters=content.parameters,
                    instrument=InstrumentationSettings(include_content=False),
                )

        files = ModelFiles(self._conversations, self._refused_files, model)
        return await files.send(content.messages, send, content.publish_note)

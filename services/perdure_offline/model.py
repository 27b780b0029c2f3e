"""The offline model behind pydantic-ai's model interface."""

import asyncio
from datetime import timedelta
from typing import Final

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from perdure_offline.answer import answer
from perdure_offline.conversation import read_conversation, text_of

__all__ = ["OfflineModel"]

_NAME: Final = "offline"


class OfflineModel(Model[None]):
    """Answers from the text that it is given; the same request always has the same answer.

    Args:
        latency: How long each request takes at least, to try what happens meanwhile.
    """

    # pydantic-ai adds a warning to texts that look like its own marks; this model would read it as an instruction.
    _announces_lookalike_notes = False

    def __init__(self, *, latency: timedelta = timedelta(0)) -> None:
        super().__init__(
            profile=ModelProfile(
                supports_json_schema_output=True,
                supports_json_object_output=True,
                supports_image_input=False,
                supports_document_input=False,
                supports_audio_file_input=False,
                supports_video_input=False,
            )
        )
        self._latency = latency

    @property
    def model_name(self) -> str:
        """The model's name in responses."""
        return _NAME

    @property
    def system(self) -> str:
        """The provider's name in traces."""
        return _NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer a request, in a thread, so that a long text does not block the event loop.

        Token counts are word counts: they grow with the text as real ones do.
        """
        # Read first: prepare_request adds the schema to the instruction, and a schema's words name no task.
        conversation = read_conversation(messages, model_request_parameters)
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        await asyncio.sleep(self._latency.total_seconds())
        parts = await asyncio.to_thread(answer, conversation, parameters)
        usage = RequestUsage(
            input_tokens=conversation.words, output_tokens=sum(len(text_of(part).split()) for part in parts)
        )
        return ModelResponse(parts, usage=usage, model_name=_NAME, provider_name=_NAME)

"""pydantic-ai's way to the offline model, so that workflows cannot tell it from any other."""

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
    """A model that only works on the text it is given; the same request always has the same answer.

    Args:
        latency: How long to pretend to think, so that one can try what happens meanwhile.
    """

    # pydantic-ai warns models of texts that look like its own marks; this one would take the warning for an order.
    _announces_lookalike_notes = False

    def __init__(self, *, latency: timedelta = timedelta(0)) -> None:
        super().__init__(profile=ModelProfile(supports_json_schema_output=True, supports_json_object_output=True))
        self._latency = latency

    @property
    def model_name(self) -> str:
        """What a response says who made it."""
        return _NAME

    @property
    def system(self) -> str:
        """The provider, for traces: this process."""
        return _NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer a request; the work is done in a thread, so that a long text does not stop the event loop.

        Token counts are counts of words: nobody is billed by them, but they grow as real ones do.
        """
        # Read first: preparing adds the schema to the instruction, and the words of a schema ask for nothing.
        conversation = read_conversation(messages, model_request_parameters)
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        await asyncio.sleep(self._latency.total_seconds())
        parts = await asyncio.to_thread(answer, conversation, parameters)
        usage = RequestUsage(
            input_tokens=conversation.words, output_tokens=sum(len(text_of(part).split()) for part in parts)
        )
        return ModelResponse(parts, usage=usage, model_name=_NAME, provider_name=_NAME)

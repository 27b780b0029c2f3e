"""Files of tool results in a model's conversation.

A conversation holds the names of files, in pydantic-ai's messages as JSON objects beside the texts of a tool's result.
A request carries the bytes of those that its model takes, and words for the others: so the conversation can go on with
another model. Texts never become such objects, whatever a tool writes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final, get_args

from pydantic_ai import messages as ai
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UserError
from pydantic_ai.models import Model
from pydantic_ai.profiles import ModelProfile

from perdure.errors import NotKept
from perdure.flow.files import StoredFile
from perdure_orchestrator.agents.context_errors import says_too_long
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.refused_files import RefusedFiles

__all__ = ["ModelFiles", "content_with_files", "takes"]

Send = Callable[[list[ai.ModelMessage]], Awaitable[ai.ModelResponse]]
PublishNote = Callable[[str], Awaitable[None]]

_IDENTIFIER: Final = 8  # characters of a file's name that models see
_IMAGES: Final = frozenset[str](get_args(ai.ImageMediaType))
_SOUNDS: Final = frozenset[str](get_args(ai.AudioMediaType))
_MOST_BYTES: Final = 15 * 1024 * 1024  # of all files of a request; base64 makes 20 MiB of them, Google's limit
_REFUSALS: Final = frozenset({400, 404, 413, 415, 422})  # also of gateways that find no model that takes a file
_NOT_SENT: Final = (AssertionError, NotImplementedError, RuntimeError, UserError, ValueError)  # pydantic-ai's own

_log = logging.getLogger(__name__)


def content_with_files(text: str, files: Sequence[StoredFile]) -> str | list[Any]:
    """Return the content of a tool's result, with each file in the place of its line."""
    if not files:
        return text
    content: list[Any] = []
    for file in files:
        before, line, after = text.partition(file.line)
        if line:
            content.append(before.strip("\n"))
            text = after
        content.append(file.model_dump(mode="json"))
    return [part for part in (*content, text.strip("\n")) if part]


class ModelFiles:
    """The files of one request to a model.

    Args:
        conversations: Has the bytes.
        known: What models have taken and refused before.
        model: The model that gets the request.
    """

    def __init__(self, conversations: Conversations, known: RefusedFiles, model: Model) -> None:
        self._conversations = conversations
        self._known = known
        self._model = model
        self._sent: dict[str, StoredFile] = {}
        self._left = _MOST_BYTES
        self._refused: Collection[str] = ()

    async def send(
        self, messages: Sequence[ai.ModelMessage], send: Send, publish_note: PublishNote
    ) -> ai.ModelResponse:
        """Send a conversation with its files; if the model refuses them, once more with words in their place."""
        model = self._model.model_id
        shown = await self._shown(messages)
        try:
            response = await send(shown)
        except (ModelHTTPError, *_NOT_SENT) as error:
            refused = {name: file for name, file in self._sent.items() if not self._known.takes(model, name)}
            if not refused or not _may_refuse_files(error):
                raise
            response = await send(await self._shown(messages, refused))
            self._known.record(model, refused, taken=False)
            descriptions = "; ".join(file.description for file in refused.values())
            _log.warning("the model %s refuses %s, and gets words for it: %r", model, descriptions, error)
            await publish_note(f"The model {model} refuses {descriptions}: it gets words for it")
        self._known.record(model, self._sent, taken=True)
        return response

    async def _shown(self, messages: Sequence[ai.ModelMessage], refused: Collection[str] = ()) -> list[ai.ModelMessage]:
        """Return the messages with bytes or words in place of names. The newest files come first, up to the limit."""
        self._sent, self._left, self._refused = {}, _MOST_BYTES, refused
        shown = list(messages)
        for number in reversed(range(len(shown))):
            message = shown[number]
            if isinstance(message, ai.ModelRequest):
                shown[number] = replace(message, parts=[await self._part(part) for part in message.parts])
        return shown

    async def _part(self, part: ai.ModelRequestPart) -> ai.ModelRequestPart:
        if not isinstance(part, ai.ToolReturnPart) or not isinstance(part.content, list):
            return part
        content: Any = [await self._item(item) if isinstance(item, dict) else item for item in part.content]
        if all(isinstance(item, str) for item in content):
            content = "\n".join(content)
        return replace(part, content=content)

    async def _item(self, item: dict[str, Any]) -> ai.BinaryContent | str:
        file = StoredFile.model_validate(item)
        is_refused = file.stored_as in self._refused or self._known.refuses(self._model.model_id, file.stored_as)
        if is_refused or not takes(self._model, file.media_type):
            return f"({file.description}, which this model does not take)"
        if file.size > self._left:
            return f"({file.description}, which is left out: the files of this request are too large)"
        try:
            data = await self._conversations.load_bytes(file.stored_as)
        except NotKept:
            return f"({file.description}, which is no longer stored)"
        self._left -= file.size
        self._sent[file.stored_as] = file
        return ai.BinaryContent(data, media_type=file.media_type, identifier=file.stored_as[:_IDENTIFIER])


def _may_refuse_files(error: Exception) -> bool:
    """Return whether the files may be at fault, and neither the connection nor the length of the conversation."""
    if says_too_long(str(error)):
        return False
    if isinstance(error, ModelHTTPError):
        return error.status_code in _REFUSALS
    return not isinstance(error, ModelAPIError)


def takes(model: Model, media_type: str) -> bool:
    """Return whether a model takes such files, as far as pydantic-ai knows; what it refuses all the same is retried."""
    try:
        profile = model.profile
    except NotImplementedError:  # a model that chooses among others
        profile = ModelProfile()
    match media_type.partition("/")[0]:
        case "image":
            return profile.get("supports_image_input", True) and media_type in _IMAGES
        case "audio":
            return profile.get("supports_audio_file_input", True) and media_type in _SOUNDS
        case "video":
            return profile.get("supports_video_input", True)
    documents: frozenset[str] = profile.get("supported_document_media_types", frozenset({media_type}))
    return profile.get("supports_document_input", True) and media_type in documents

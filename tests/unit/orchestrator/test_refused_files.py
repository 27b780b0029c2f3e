"""Which errors of a request with files count as a refusal of the files."""

from typing import Any

import pytest
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart
from pydantic_ai.models.test import TestModel

from perdure.bus import MemoryObjects
from perdure.flow.files import StoredFile
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.model_files import ModelFiles, content_with_files
from perdure_orchestrator.agents.refused_files import RefusedFiles

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "error",
    [
        ModelConnectionError("m", "Connection error."),
        ModelHTTPError(400, "m", {"message": "prompt is too long"}),
        NotImplementedError("no such files"),
    ],
    ids=["a lost connection", "too long", "both requests fail"],
)
async def test_a_failed_request_makes_no_file_a_refused_one(error: Exception) -> None:
    conversations, known = Conversations(MemoryObjects()), RefusedFiles()
    file = StoredFile(media_type="image/png", size=len(PNG), stored_as=await conversations.store_bytes(PNG))
    messages: list[ModelMessage] = [ModelRequest([ToolReturnPart("draw", content_with_files(file.line, [file]), "1")])]
    model = TestModel()

    async def send(_: list[ModelMessage]) -> Any:
        raise error

    async def note(_: str) -> None: ...

    with pytest.raises(type(error)):
        await ModelFiles(conversations, known, model).send(messages, send, note)

    assert not known.refuses(model.model_id, file.stored_as)

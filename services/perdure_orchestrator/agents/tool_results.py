"""Results of MCP servers as a run gets them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json, to_jsonable_python

from perdure.flow.files import StoredFile, tool_files
from perdure.flow.messages import ToolRequest, ToolResult
from perdure.values.size_text import size_text
from perdure_orchestrator.agents.broken_text import mended_value
from perdure_orchestrator.agents.media_types import is_text, media_type_of, models_read

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["tool_result"]


def tool_result(request: ToolRequest, result: CallToolResult) -> ToolResult:
    """Return the texts, the structured content and the other parts; for a model a line stands for each of these."""
    texts: list[str] = []
    other: list[Any] = []
    files: list[StoredFile] = []
    for part in result.content:
        content = mended_value(to_jsonable_python(part, by_alias=True, exclude_none=True))
        inner = content.get("resource", content)
        if "text" in inner:
            texts.append(inner["text"])
        elif not request.call_id:
            other.append(content)
        else:
            line, file = _line(content)
            texts.append(line)
            if file is not None:
                files.append(file)
                other.append(content)
    structured = mended_value(to_jsonable_python(result.structured_content))
    if not texts and structured is not None:
        texts.append(to_json(structured).decode())  # the specification asks servers to repeat it as text
    return ToolResult(
        tool=request.tool,
        call_id=request.call_id,
        text="\n".join(texts),
        other=tuple(other),
        stored_files=tuple(files),
        structured=structured,
        is_error=bool(result.is_error),
    )


def _line(content: dict[str, Any]) -> tuple[str, StoredFile | None]:
    """Return what stands for a part in a model's text, and the file if there are models that read it."""
    if content["type"] == "resource_link":
        return _link(content), None
    file = next(tool_files([content]), None)
    if file is None:
        return f"({content['type']}: its data is empty or no base64)", None
    media_type = media_type_of(file)
    if is_text(media_type):
        return file.data.decode(errors="replace"), None
    stored = StoredFile(media_type=media_type, size=len(file.data), stored_as=sha256(file.data).hexdigest())
    if models_read(media_type):
        return stored.line, stored
    return f"({stored.description}: only programs can use it)", None


def _link(content: dict[str, Any]) -> str:
    size = content.get("size")
    about = (content.get("title"), content.get("mimeType"), None if size is None else size_text(size))
    description = ", ".join(filter(None, (content["name"], content["uri"], *about)))
    return f"(a link to a resource: {description}. {content.get('description', '')}".rstrip(". ") + ")"

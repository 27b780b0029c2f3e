"""Results of MCP servers as a run gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json, to_jsonable_python

from perdure.flow.messages import ToolRequest, ToolResult

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["tool_result"]


def tool_result(request: ToolRequest, result: CallToolResult) -> ToolResult:
    """Return the texts and the structured content; other parts only for programs, and a line about each for models."""
    texts: list[str] = []
    other: list[Any] = []
    for part in result.content:
        content = to_jsonable_python(part, by_alias=True, exclude_none=True)
        inner = content.get("resource", content)
        if "text" in inner:
            texts.append(inner["text"])
        elif request.call_id:
            description = inner.get("uri") or inner.get("mimeType", "")
            texts.append(f"({part.type} {description}: only programs can use it)")
        else:
            other.append(content)
    structured = to_jsonable_python(result.structured_content)
    if not texts and structured is not None:
        texts.append(to_json(structured).decode())  # the specification asks servers to repeat it as text
    return ToolResult(
        tool=request.tool,
        call_id=request.call_id,
        text="\n".join(texts),
        other=tuple(other),
        structured=structured,
        is_error=bool(result.is_error),
    )

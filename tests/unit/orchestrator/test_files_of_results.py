"""Files in results of tools: a program reads their bytes, a model gets a name for each in the place where it stood."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from mcp.types import CallToolResult

from perdure.bus import MemoryObjects
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.stored_results import load_result, store_result
from perdure_orchestrator.agents.tool_results import tool_result

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24_000
WAV = b"RIFF\x24\0\0\0WAVEfmt "
ZIP = b"PK\x03\x04" + b"\0" * 100
PROGRAM = ToolRequest(servers=("s",), tool="t", arguments={})
MODEL = PROGRAM.model_copy(update={"call_id": "c1"})


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def image(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "data": b64encode(data).decode(), "mimeType": kind}


def resource(data: bytes, kind: str | None) -> dict[str, Any]:
    inner = {"uri": "demo://it", "blob": b64encode(data).decode(), "mimeType": kind}
    return {"type": "resource", "resource": {name: value for name, value in inner.items() if value}}


LINK = {
    "type": "resource_link",
    "uri": "demo://report",
    "name": "report",
    "mimeType": "text/csv",
    "size": 2048,
    "description": "All sales",
}


def result(request: ToolRequest, *parts: dict[str, Any]) -> ToolResult:
    return tool_result(request, CallToolResult.model_validate({"content": parts}))


def test_a_program_reads_the_bytes_of_files_of_every_kind() -> None:
    sound = {"type": "audio", "data": b64encode(WAV).decode(), "mimeType": "audio/wav"}
    answer = result(PROGRAM, text("here"), image(PNG), sound, resource(ZIP, "application/zip"), LINK)

    found = [(file.media_type, file.data, file.uri) for file in answer.files]
    kinds = [("image/png", PNG, None), ("audio/wav", WAV, None), ("application/zip", ZIP, "demo://it")]
    assert (answer.text, found) == ("here", kinds)
    assert answer.other[-1]["uri"] == "demo://report"


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (image(PNG), f"(an image, image/png, 23.4 KiB, stored as {sha256(PNG).hexdigest()})"),
        (image(PNG, "image/jpeg; q=1"), f"(an image, image/png, 23.4 KiB, stored as {sha256(PNG).hexdigest()})"),
        (resource(WAV, "audio/x-wav"), f"(a sound, audio/wav, 16 B, stored as {sha256(WAV).hexdigest()})"),
        (resource(ZIP, "application/zip"), "(a file, application/zip, 104 B: only programs can use it)"),
        (resource(ZIP, None), "(a file, application/octet-stream, 104 B: only programs can use it)"),
        (resource(b'{"a": 1}', "application/json"), '{"a": 1}'),
        (image(b"<svg/>", "image/svg+xml"), "<svg/>"),
        (image(b""), "(image: its data is empty or no base64)"),
        ({"type": "image", "data": "no base64!", "mimeType": "image/png"}, "(image: its data is empty or no base64)"),
        (LINK, "(a link to a resource: report, demo://report, text/csv, 2.0 KiB. All sales)"),
    ],
    ids=["image", "wrong type", "sound", "zip", "unknown", "JSON", "SVG", "empty", "no base64", "link"],
)
def test_a_line_stands_for_each_part_that_is_no_text(part: dict[str, Any], line: str) -> None:
    answer = result(MODEL, text("before"), part, text("after"))

    assert answer.text == f"before\n{line}\nafter"
    assert [file.line for file in answer.stored_files] == ([line] if "stored as" in line else [])


async def test_the_history_has_names_and_the_store_the_bytes() -> None:
    conversations = Conversations(MemoryObjects())

    stored = await store_result(result(MODEL, image(PNG)), conversations)

    assert len(stored.model_dump_json()) < 1_000
    assert await conversations.load_bytes(stored.stored_files[0].stored_as) == PNG


async def test_a_long_text_is_measured_in_bytes() -> None:
    conversations = Conversations(MemoryObjects())

    stored = await store_result(result(MODEL, text("😀" * 2_500)), conversations)  # 10,000 bytes

    assert (stored.text, bool(stored.stored_as)) == ("", True)
    assert (await load_result(stored, conversations, 100_000)).text == "😀" * 2_500


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
async def test_a_result_of_megabytes_is_cut_for_a_model_with_a_note(size: int) -> None:
    conversations = Conversations(MemoryObjects())
    whole = "é" * (size // 2 - 3) + "the end"[:6]

    stored = await store_result(result(MODEL, text(whole)), conversations)
    shown = (await load_result(stored, conversations, 100_001)).text

    assert 100_000 < len(shown.encode()) < 100_300
    assert shown.startswith("éé")
    assert shown.endswith("éthe en")
    left_out, total = ("878.9 KiB", "976.6 KiB") if size == 1_000_000 else ("9.4 MiB", "9.5 MiB")
    assert f"(cut: {left_out} of {total} are left out here" in shown
    assert f"The whole is stored as {stored.stored_as}." in shown
    assert await conversations.load_text(stored.stored_as or "") == whole


async def test_the_run_reads_the_beginning_of_a_long_error() -> None:
    failed = result(MODEL, text("no such table " * 1_000)).model_copy(update={"is_error": True})

    stored = await store_result(failed, Conversations(MemoryObjects()))

    assert stored.text.startswith("no such table")
    assert len(stored.text) == 2_000
    assert stored.failure == stored.text
    assert stored.stored_as


async def test_a_structure_that_only_a_model_reads_is_not_kept_twice() -> None:
    whole = CallToolResult.model_validate({"content": [text("ok")], "structuredContent": {"rows": ["x" * 5_000_000]}})

    program = await store_result(tool_result(PROGRAM, whole), Conversations(MemoryObjects()))
    model = await store_result(tool_result(MODEL, whole), Conversations(MemoryObjects()))

    assert program.structured == {"rows": ["x" * 5_000_000]}
    assert (model.text, model.structured) == ("ok", None)

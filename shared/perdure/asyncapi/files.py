"""The contract as files; the same code always gives the same bytes."""

import json
from pathlib import Path
from typing import Any, Final

from perdure.asyncapi.asyncapi import asyncapi_document
from perdure.asyncapi.channels import CHANNELS
from perdure.asyncapi.examples import SIGNED_EXAMPLE
from perdure.asyncapi.requests import request_schemas
from perdure.asyncapi.schemas import schema_file, schema_of

__all__ = ["ASYNCAPI", "SIGNED", "contract_files", "read_files"]

ASYNCAPI: Final = "asyncapi.json"
SIGNED: Final = "signed-decision.json"


def contract_files() -> dict[str, str]:
    """Return the text of each file by its path within the folder of this version."""
    schemas = {schema_file(channel.name): schema_of(channel, channel.model) for channel in CHANNELS if channel.model}
    schemas |= request_schemas()
    files = {ASYNCAPI: asyncapi_document(), SIGNED: SIGNED_EXAMPLE, **schemas}
    return {path: _text(content) for path, content in sorted(files.items())}


def read_files(folder: Path) -> dict[str, str]:
    """Return the text of each JSON file by its path within a folder; empty if there is no such folder."""
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in sorted(folder.rglob("*.json"))}


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"

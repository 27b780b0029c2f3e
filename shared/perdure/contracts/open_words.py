"""Enumerations that are open for readers: a newer service may write words that this one does not know."""

from typing import Any, Final, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["KNOWN_WORDS", "OPEN"]

KNOWN_WORDS: Final = "x-known-values"
"""The keyword of the published schemas that lists the words of the version; JSON Schema has none for it."""


class _Open:
    """Marks a field whose words may become more: any text is read from JSON, only known words are written in Python."""

    def __get_pydantic_core_schema__(self, words: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        known = {KNOWN_WORDS: list(get_args(words))}
        read = core_schema.str_schema(min_length=1, metadata={"pydantic_js_extra": known})
        return core_schema.json_or_python_schema(json_schema=read, python_schema=handler(words))


OPEN: Final = _Open()

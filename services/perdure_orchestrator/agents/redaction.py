"""The worker's keys: told to nobody but the party that they open, also where that party repeats them."""

import os
import re
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["Redactor"]

# Where SDKs look for keys by themselves: OPENAI_API_KEY, HF_TOKEN, AWS_BEARER_TOKEN_BEDROCK, …
_SECRET: Final = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD)(_|$)")
_SHORTEST_SECRET: Final = 8  # characters; what is shorter is no secret, and may be a part of any word


class Redactor:
    """Those that were read from files and variables, and whatever else a variable's name calls one."""

    def __init__(self) -> None:
        self._read: set[str] = set()

    def add(self, key: str) -> str:
        """Remember a key, and return it."""
        self._read.add(key)
        return key

    def redact(self, text: str) -> str:
        """Return a text in which no key occurs."""
        return _cut(text, self._known())

    def redact_json(self, value: Any) -> Any:
        """Return a JSON value in whose texts no key occurs."""
        return _cut_deep(value, self._known())

    def _known(self) -> list[str]:
        """Return all keys, the longest first: one may be a part of another."""
        found = {value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET}
        return sorted(self._read | found, key=len, reverse=True)


def _cut(text: str, keys: Sequence[str]) -> str:
    for key in keys:
        text = text.replace(key, "***")
    return text


def _cut_deep(value: Any, keys: Sequence[str]) -> Any:
    match value:
        case str():
            return _cut(value, keys)
        case dict():
            return {name: _cut_deep(part, keys) for name, part in value.items()}
        case list() | tuple():
            return [_cut_deep(part, keys) for part in value]
    return value

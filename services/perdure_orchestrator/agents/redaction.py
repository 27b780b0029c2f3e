"""Redaction of the worker's keys, also where a provider or server repeats them in an error or a result."""

import os
import re
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["Redactor"]

# Variables that SDKs read by themselves: OPENAI_API_KEY, HF_TOKEN, AWS_BEARER_TOKEN_BEDROCK, …
_SECRET: Final = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD)(_|$)")
_SHORTEST_SECRET: Final = 8  # characters; a shorter value is no secret, and may be part of any word


class Redactor:
    """Masks the keys that were added, and the value of every environment variable with a secret's name."""

    def __init__(self) -> None:
        self._added: set[str] = set()

    def add(self, key: str) -> str:
        """Remember a key, and return it."""
        self._added.add(key)
        return key

    def redact(self, text: str) -> str:
        """Return the text with all keys masked."""
        return _mask(text, self._keys())

    def redact_json(self, value: Any) -> Any:
        """Return the JSON value with all keys masked in its strings."""
        return _mask_json(value, self._keys())

    def _keys(self) -> list[str]:
        """Return all keys, longest first: one may be part of another."""
        found = {value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET}
        return sorted(self._added | found, key=len, reverse=True)


def _mask(text: str, keys: Sequence[str]) -> str:
    for key in keys:
        text = text.replace(key, "***")
    return text


def _mask_json(value: Any, keys: Sequence[str]) -> Any:
    match value:
        case str():
            return _mask(value, keys)
        case dict():
            return {name: _mask_json(part, keys) for name, part in value.items()}
        case list() | tuple():
            return [_mask_json(part, keys) for part in value]
    return value

"""Redaction of the keys that a worker has read, also where a provider or server repeats them."""

from collections.abc import Sequence
from typing import Any

__all__ = ["Redactor"]


class Redactor:
    """Masks the values that were read as keys, and no other: what is only named like a key may be anybody's data."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def add(self, key: str) -> str:
        """Remember a key, and return it."""
        if key and key not in self._keys:
            self._keys = sorted([*self._keys, key], key=len, reverse=True)  # one may be part of another
        return key

    def redact(self, text: str) -> str:
        """Return the text with all keys masked."""
        return _mask(text, self._keys)

    def redact_json(self, value: Any) -> Any:
        """Return the JSON value with all keys masked in its strings."""
        return _mask_json(value, self._keys)


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

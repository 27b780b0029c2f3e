"""Redaction of the keys that a worker has read, also where a provider or server repeats them."""

from collections.abc import Callable
from typing import Any, Final

__all__ = ["Redactor", "redact_json"]

_SHORTEST_LINE: Final = 8  # characters of a line that is masked alone


class Redactor:
    """Masks the values that were read as keys, and no other: what is only named like a key may be anybody's data."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def add(self, key: str) -> str:
        """Remember a key, and return it. Of a key of several lines each is masked alone too, as it may be read so."""
        if key:
            keys = {*self._keys, key, *_secret_lines(key)}
            self._keys = sorted(keys, key=lambda key: (-len(key), key))  # one may be part of another
        return key

    def redact(self, text: str) -> str:
        """Return the text with all keys masked."""
        for key in self._keys:
            text = text.replace(key, "***")
        return text

    def redact_json(self, value: Any) -> Any:
        """Return the JSON value with all keys masked in its strings."""
        return redact_json(value, self.redact)


def redact_json(value: Any, redact: Callable[[str], str]) -> Any:
    """Return the JSON value with keys masked in this way in its strings."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: redact_json(part, redact) for name, part in value.items()}
        case list() | tuple():
            return [redact_json(part, redact) for part in value]
    return value


def _secret_lines(key: str) -> list[str]:
    lines = [line.strip() for line in key.splitlines()]
    return [line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----")]

"""Writes text for terminals and pipes whose encoding lacks some of its characters."""

from typing import Final

__all__ = ["encodable"]

_SIGNS: Final = {"✓": "ok", "✗": "no", "▶": ">", "■": "#", "·": "-", "…": "...", "→": "->", "—": "-"}


def encodable(text: str, encoding: str) -> str:
    r"""Return text that an encoding can write.

    Signs get a word or an ASCII sign; other characters ``\uXXXX``, which JSON strings read as the same character.
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable(character, encoding) for character in text)
    return text


def _encodable(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        units = character.encode("utf-16-be", errors="surrogatepass")
        escaped = "".join(f"\\u{units[it : it + 2].hex()}" for it in range(0, len(units), 2))
        return _SIGNS.get(character, escaped)
    return character

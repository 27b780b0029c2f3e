"""Short codes for ids, as git has them for commits: hex digits that any shell, mail and chat leave as they are."""

import re
from hashlib import sha256
from typing import Final

__all__ = ["is_code", "is_plain", "request_word", "run_word", "short_code", "split_request"]

_LENGTH: Final = 16  # hex digits, 64 bits: people who choose ids must not find a second one with the same code
_LONGEST_WORD: Final = 100  # characters
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+~-]*", re.ASCII)
_CODE: Final = re.compile(rf"[0-9a-f]{{{_LENGTH}}}", re.ASCII)


def is_plain(text: str) -> bool:
    """Return whether every shell, mail program and chat takes an id for one word, and shows it as it is."""
    return len(text) <= _LONGEST_WORD and _PLAIN.fullmatch(text) is not None


def run_word(run: str) -> str:
    """Return how to name a run in a command that people paste: its id, or its code if the id is not plain.

    Quotes do not make an id safe: shells differ, and in a mail a line feed may end the command.
    """
    return run if is_plain(run) else short_code(run)


def request_word(request_id: str) -> str:
    """Return how to name an approval request in a command that people paste: ``<run>.<n>``, or ``<code>.<n>``."""
    if is_plain(request_id):
        return request_id
    run, number = split_request(request_id)
    return f"{short_code(run)}.{number}"


def split_request(request_id: str) -> tuple[str, str]:
    """Split ``<run>.<n>``; the run is an id or a code, and empty if the text has another form."""
    run, _, number = request_id.rpartition(".")
    return (run, number) if number.isascii() and number.isdecimal() else ("", "")


def short_code(run: str) -> str:
    """Return the code of a run id: the beginning of its SHA-256 (of UTF-8) in hex."""
    return sha256(run.encode(errors="surrogatepass")).hexdigest()[:_LENGTH]


def is_code(text: str) -> bool:
    """Return whether a text has the form of a code. Fewer digits would be easy to meet with a second id."""
    return _CODE.fullmatch(text) is not None

"""The failure of a workflow task, read from the text with which temporalio drops the run."""

import re
from dataclasses import dataclass
from typing import Final

from perdure.values.author_code import place_in_text
from perdure.values.printable import one_line

__all__ = ["FAILED_TASK", "TaskFailure", "read_failure", "with_reason"]

FAILED_TASK: Final = {"LANG_FAIL", "NONDETERMINISM"}
"""Why temporalio drops a run whose workflow task has failed."""

_LONGEST: Final = 500  # characters of an error
_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'  # as Rust writes a string for debugging
_MESSAGE: Final = re.compile(rf"Failure {{ message: {_TEXT}", re.DOTALL)
_LINK: Final = re.compile(r"\s*For further information visit \S+")  # pydantic's
_WITHOUT_REASON: Final = "Failed decoding arguments"  # temporalio's: only its cause says which value does not fit
_TRACE: Final = re.compile(rf"stack_trace: {_TEXT}", re.DOTALL)
_KIND: Final = re.compile(rf"ApplicationFailureInfo {{ r#type: {_TEXT}")
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-f]{1,6})\}|(.))", re.DOTALL)
_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,16}\b")  # of an object without a repr of its own: it differs each time
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a workflow task failed.

    Attributes:
        kind: The class of the error, or what Temporal calls it.
        error: The error in one line, with its place in the author's code if that is known.
        place: That place, such as ``greetings.py:21``.
    """

    kind: str
    error: str
    place: str | None


def read_failure(reason: str, text: str) -> TaskFailure:
    """Read a failure.

    Args:
        reason: One of ``FAILED_TASK``.
        text: For ``LANG_FAIL`` the failure as Rust prints it for debugging; otherwise, or in another form, a sentence.
    """
    message, trace = _first(_MESSAGE, text), _first(_TRACE, text)
    if message is None:
        return TaskFailure(reason, _short(text), None)
    # The failure's own class stands behind those of its causes.
    kinds = _KIND.findall(text)
    kind = (_unescaped(kinds[-1]) if kinds else "") or reason
    message = with_reason(message, *(_unescaped(it) for it in _MESSAGE.findall(text)[1:2]))
    place = place_in_text(trace or "")
    error = _short(f"{kind}: {message}" if kind != reason else message)
    return TaskFailure(kind, f"{error} ({place})" if place else error, place)


def with_reason(message: str, cause: str = "") -> str:
    """Return the message of a failure; of a value that cannot be decoded with the field that does not fit."""
    return f"{message}: {_LINK.sub('', cause)}" if message == _WITHOUT_REASON and cause else message


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else _unescaped(found[1])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda it: chr(int(it[1], 16)) if it[1] else _ESCAPED.get(it[2], it[2]), text)


def _short(text: str) -> str:
    line = _ADDRESS.sub("0x…", one_line(text))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"

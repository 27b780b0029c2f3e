"""JSON as an argument of a command: as text, or ``-`` for standard input."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from perdure.errors import WrongArgument

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["parse_json", "read_text"]


def read_text(given: str) -> str:
    """Return an argument; ``-`` stands for what standard input holds.

    Raises:
        WrongArgument: Standard input is closed, or holds no text in UTF-8.
    """
    if given != "-":
        return given
    if sys.stdin is None:  # the shell closed it
        raise WrongArgument("Standard input is closed: pass the JSON as the argument instead of -.")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise WrongArgument(f"Standard input is not text in UTF-8: {error.reason}.") from error


def parse_json(text: str) -> JsonValue:
    """Read an argument as JSON.

    Raises:
        WrongArgument: It is no JSON.
    """
    try:
        data: JsonValue = json.loads(text)
    except RecursionError as error:
        raise WrongArgument("The data is nested too deeply.") from error
    except ValueError as error:
        raise WrongArgument(f'The data is not JSON: {error}. Quote it for the shell: \'{{"key": "value"}}\'') from error
    return data

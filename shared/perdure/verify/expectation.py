"""Reads and writes files of expected events: one JSON object a line."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from perdure.errors import SetupError
from perdure.verify.records import Expected

__all__ = ["read_expected", "write_expected"]

_LINE: Final = TypeAdapter(Expected)


def read_expected(file: Path) -> list[Expected]:
    """Read the expected events from a file.

    Raises:
        SetupError: The file cannot be read, or a line is no event; the error names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error
    return [_read(line, f"{file}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def write_expected(file: Path, events: list[Expected]) -> None:
    """Write the expected events to a file."""
    file.write_text("".join(f"{_LINE.dump_json(event).decode()}\n" for event in events), encoding="utf-8")


def _read(line: str, where: str) -> Expected:
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise SetupError(f'{where} is no event such as {{"id": "42", "type": "orders.paid"}}: {why}') from error

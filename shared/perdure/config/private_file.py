"""Reads files with secrets that the operator keeps, and refuses those that other users of the machine can open."""

import os
from pathlib import Path
from typing import Final

from perdure.errors import SetupError

__all__ = ["read_private_text", "refuse_open_file"]

_OTHERS: Final = 0o007


def read_private_text(file: Path) -> str:
    """Return the text of a file that belongs to its owner and group alone.

    Raises:
        OSError: It cannot be read.
        SetupError: Others may read or write it.
        UnicodeDecodeError: It is no text.
    """
    with file.open(encoding="utf-8") as opened:
        _refuse(os.fstat(opened.fileno()).st_mode, file)
        return opened.read()


def refuse_open_file(file: Path) -> None:
    """Refuse a file with secrets, which another library reads, if others may read or write it.

    Raises:
        OSError: There is none.
        SetupError: Others may read or write it.
    """
    _refuse(file.stat().st_mode, file)


def _refuse(mode: int, file: Path) -> None:
    if mode & _OTHERS:
        raise SetupError(
            f"{file} holds secrets, and every user of this machine may open it (mode {mode & 0o777:o}): "
            f"`chmod o= {file}`; for a Kubernetes secret, `defaultMode: 0440`. Replace what is in it if others may "
            "have read it."
        )

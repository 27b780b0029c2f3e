"""Reads files with secrets that the operator keeps, and refuses those that other users of the machine can open."""

import os
from pathlib import Path
from typing import Final

from perdure.errors import SetupError

__all__ = ["read_private_text"]

_OTHERS: Final = 0o007


def read_private_text(file: Path) -> str:
    """Return the text of a file that belongs to its owner and group alone.

    Raises:
        OSError: It cannot be read.
        SetupError: Others may read or write it.
        UnicodeDecodeError: It is no text.
    """
    with file.open(encoding="utf-8") as opened:
        if (mode := os.fstat(opened.fileno()).st_mode & 0o777) & _OTHERS:
            raise SetupError(
                f"{file} holds secrets, and every user of this machine may open it (mode {mode:o}): `chmod o= {file}`; "
                "for a Kubernetes secret, `defaultMode: 0440`. Replace what is in it if others may have read it."
            )
        return opened.read()

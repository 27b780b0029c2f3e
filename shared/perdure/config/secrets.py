"""Secrets are configured by where they lie, a file or a variable, and read where they are needed."""

import os
from pathlib import Path

from perdure.errors import SetupError

__all__ = ["read_secret"]


def read_secret(what: str, *, file: Path | None, variable: str | None) -> str:
    """Return a secret.

    Args:
        what: What it is, to people.
        file: Where it lies; goes before the variable.
        variable: Or the name of the variable that holds it.

    Raises:
        SetupError: It is not there.
    """
    if file is not None:
        try:
            secret = file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{what} cannot be read from {file}: {error}") from error
    else:
        secret = os.environ.get(variable or "", "").strip()
    if not secret:
        raise SetupError(f"{what} is missing: {file or f'the variable {variable}'} is empty.")
    return secret

"""Reads secrets from the file or variable that the configuration names; no secret is configured itself."""

import os
from pathlib import Path

from perdure.errors import SetupError

__all__ = ["read_secret"]


def read_secret(what: str, *, file: Path | None, variable: str | None) -> str:
    """Return a secret, without whitespace around it.

    Args:
        what: Its name in error messages.
        file: The file that holds it; takes precedence over the variable.
        variable: The environment variable that holds it.

    Raises:
        SetupError: It is missing, empty or unreadable.
    """
    if file is not None:
        try:
            secret = file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{what} cannot be read from {file}: {error}") from error
    else:
        secret = os.environ.get(variable or "", "").strip()
    if not secret:
        raise SetupError(
            f"{what} is missing: {file} is empty. Put it there."
            if file
            else f"{what} is missing: the variable {variable} is empty. Set it where Perdure is started."
        )
    return secret

"""Reads secrets from the file, program or variable that the configuration names; no secret is configured itself."""

import os
from pathlib import Path
from typing import Final

from perdure.config.private_file import read_private_text
from perdure.config.secret_command import CommandSecrets
from perdure.errors import SetupError

__all__ = ["read_secret"]

_commands: Final = CommandSecrets()


def read_secret(
    what: str, *, file: Path | None = None, variable: str | None = None, command: tuple[str, ...] | None = None
) -> str:
    """Return a secret as it is now, without whitespace around it. Files are read at each call, programs once a minute.

    Args:
        what: Its name in error messages.
        file: The file that holds it; takes precedence over the others.
        variable: The environment variable that holds it, without the others.
        command: The program that prints it.

    Raises:
        SetupError: It is missing, empty or unreadable, or others may read its file.
    """
    if file is not None:
        source, secret = str(file), _content(what, file)
    elif command is not None:
        source, secret = f"the output of {command[0]}", _commands.read(what, command)
    else:
        source, secret = f"the variable {variable}", os.environ.get(variable or "", "")
    if not (secret := secret.strip()):
        hint = "Put it there." if file or command else "Set it where Perdure is started."
        raise SetupError(f"{what} is missing: {source} is empty. {hint}")
    return secret


def _content(what: str, file: Path) -> str:
    try:
        return read_private_text(file.expanduser())
    except OSError as error:
        raise SetupError(f"{what} cannot be read from {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{what} cannot be read from {file}: it is no text") from error

"""Replaces a file so that a crash leaves the old content or the new, never a part, and keeps the file's mode."""

import os
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(file: Path, content: bytes) -> None:
    """Replace the content of a file, or create it; a symbolic link stays one.

    The new content and the folder's entry are on disk when this returns.

    Raises:
        OSError: The folder cannot be written.
    """
    target = file.resolve()
    draft = target.with_name(f".{target.name}.draft")
    mode = target.stat().st_mode & 0o7777 if target.exists() else None
    # From its first instant on nobody can open it who may not read the file.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666 if mode is None else mode & 0o600)
    with os.fdopen(descriptor, "wb") as new:
        if mode is not None:
            os.fchmod(new.fileno(), mode)
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

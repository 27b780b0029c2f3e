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
    with draft.open("wb") as new:
        if target.exists():
            os.fchmod(new.fileno(), target.stat().st_mode & 0o7777)
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

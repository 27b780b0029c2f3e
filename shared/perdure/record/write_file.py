"""Writes a file of an export: readers see the old content or the new, never a part."""

from pathlib import Path

__all__ = ["draft_of", "write_file"]


def draft_of(file: Path) -> Path:
    """Return where the new content of a file is written before it takes the file's name."""
    return file.with_name(f".{file.name}.draft")


def write_file(file: Path, content: bytes) -> None:
    """Write a file; it is on disk after the next ``os.sync``.

    Raises:
        OSError: The folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(file)
    draft.write_bytes(content)
    draft.replace(file)

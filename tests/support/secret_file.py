"""Files with secrets, as an operator keeps them."""

from pathlib import Path

__all__ = ["write_secret"]


def write_secret(file: Path, text: str) -> Path:
    """Write a file that only its owner can open."""
    file.touch(mode=0o600)
    file.write_text(text)
    return file

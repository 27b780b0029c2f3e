"""Lists of sums, one in each folder of recorded files: a file of a list is never changed or taken away."""

import hashlib
from pathlib import Path
from typing import Final

__all__ = ["SUMS", "add_to_sums", "found_sums", "listed_sums"]

SUMS: Final = "SHA256SUMS"
"""A line for each recorded file, as ``sha256sum`` writes and checks them: ``sha256sum --check SHA256SUMS``."""


def listed_sums(folder: Path) -> dict[str, str]:
    """Read the list: the digests by the files' paths below the folder."""
    pairs = (line.split("  ", 1) for line in (folder / SUMS).read_text().splitlines())
    return {name: digest for digest, name in pairs}


def found_sums(folder: Path) -> dict[str, str]:
    """Compute the digests of all that lies there."""
    files = [
        file for file in folder.rglob("*") if file.is_file() and file.name != SUMS and "__pycache__" not in file.parts
    ]
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def add_to_sums(folder: Path) -> None:
    """Add a line for each file that has none; a line that is there stays as it is."""
    listed = listed_sums(folder) if (folder / SUMS).exists() else {}
    all_of_them = {**found_sums(folder), **listed}
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(all_of_them.items())))

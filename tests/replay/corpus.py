"""Where the recorded histories lie, and what a worker or a replay of them knows."""

import hashlib
from pathlib import Path
from typing import Final

from perdure_orchestrator.registry import Registry, load_registry

__all__ = [
    "FILES",
    "HISTORIES",
    "PAYLOADS",
    "SEPARATOR",
    "SUMS",
    "digest_of",
    "listed_sums",
    "recorded_files",
    "registry",
    "workflow_id_of",
]

HISTORIES: Final = Path(__file__).with_name("histories")
PAYLOADS: Final = "payloads"
"""The folder beside the histories of a version that holds what was too large for them, each under its digest."""

SUMS: Final = HISTORIES / "SHA256SUMS"
"""A line for each recorded file, as ``sha256sum`` writes and checks them: ``sha256sum --check SHA256SUMS``."""

SEPARATOR: Final = "~"
"""Between the id of a workflow and what tells its histories apart, in the name of a file."""

FILES: Final = sorted(HISTORIES.rglob("*.json"))

_MODULES: Final = ("agents", "approvals", "patterns", "plain", "program", "runs", "sagas", "signals")


def registry() -> Registry:
    """Return what a worker of production would know if it were given the workflows of the corpus."""
    return load_registry([f"tests.replay.workflows.{name}" for name in _MODULES])


def recorded_files() -> dict[str, Path]:
    """Find every recorded file, by its path below the folder of the histories."""
    files = (file for file in HISTORIES.rglob("*") if file.is_file() and file != SUMS)
    return {file.relative_to(HISTORIES).as_posix(): file for file in sorted(files)}


def listed_sums() -> dict[str, str]:
    """Read the list: the digests by the files' paths."""
    pairs = (line.split("  ", 1) for line in SUMS.read_text().splitlines())
    return {name: digest for digest, name in pairs}


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def workflow_id_of(file: Path) -> str:
    """Return the id of the workflow that a file holds: the id is part of what replays."""
    return file.stem.partition(SEPARATOR)[0]

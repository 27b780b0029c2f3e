"""Where the recorded histories lie, and what a worker or a replay of them knows."""

from pathlib import Path
from typing import Final

from perdure_orchestrator.registry import Registry, load_registry

__all__ = ["FILES", "HISTORIES", "MODULES", "PAYLOADS", "SEPARATOR", "registry", "workflow_id_of"]

HISTORIES: Final = Path(__file__).with_name("histories")
PAYLOADS: Final = "payloads"
"""The folder beside the histories of a version that holds what was too large for them, each under its digest."""

SEPARATOR: Final = "~"
"""Between the id of a workflow and what names one of its histories, in the name of a file."""

FILES: Final = sorted(HISTORIES.rglob("*.json"))

MODULES: Final = tuple(
    f"tests.replay.workflows.{name}"
    for name in (
        "agents",
        "approvals",
        "continuations",
        "mailboxes",
        "objects",
        "parts",
        "patterns",
        "plain",
        "plans",
        "program",
        "runs",
        "saga_steps",
        "sagas",
        "server_state",
        "signals",
        "updates",
    )
)
"""The modules of its workflows, as for ``workflows:``."""


def registry() -> Registry:
    """Return what a worker of production would know if it were given the workflows of the corpus."""
    return load_registry(list(MODULES))


def workflow_id_of(file: Path) -> str:
    """Return the id of the workflow that a file holds: the id is part of what replays."""
    return file.stem.partition(SEPARATOR)[0]

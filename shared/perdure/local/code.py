"""The code that a process of the orchestrator runs: a snapshot of the user's modules, with its configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from perdure.builds.snapshot import Snapshot
from perdure.config.yaml_file import read_yaml

__all__ = ["Code"]

_PATH: Final = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one build.

    Attributes:
        snapshot: The modules.
        configuration: The file that names them.
        content: Differs if anything of it differs, also what does not count for the build.
        graceful_shutdown_seconds: What the configuration says of the orchestrator's; 0 if it says nothing.
    """

    snapshot: Snapshot
    configuration: Path
    content: str
    graceful_shutdown_seconds: float = 0

    @classmethod
    def of(cls, snapshot: Snapshot, configuration: Path) -> Self:
        """Return the code as it is now."""
        text = configuration.read_bytes()
        section = (read_yaml(text.decode()) or {}).get("orchestrator") or {}
        content = f"{snapshot.folder.resolve().name} {sha256(text).hexdigest()}"
        return cls(snapshot, configuration, content, float(section.get("graceful_shutdown_seconds", 0)))

    @property
    def build(self) -> str:
        """The build id."""
        return self.snapshot.build

    def environment(self, others: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with which a process runs it.

        Args:
            others: Other variables of the process; where these look for modules it looks last.
        """
        own = self.snapshot.environment()
        return {**own, _PATH: os.pathsep.join(filter(None, [own[_PATH], others.get(_PATH, "")]))}

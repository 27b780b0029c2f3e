"""The code that a process of the orchestrator runs: a snapshot of the user's modules, with its configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from perdure.builds.snapshot import Snapshot

__all__ = ["Code"]

_PATH: Final = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one build.

    Attributes:
        snapshot: The modules.
        configuration: The file that names them.
        content: Differs if anything of it differs, also what does not count for the build.
    """

    snapshot: Snapshot
    configuration: Path
    content: str

    @classmethod
    def of(cls, snapshot: Snapshot, configuration: Path) -> Self:
        """Return the code as it is now."""
        digest = sha256(configuration.read_bytes()).hexdigest()
        return cls(snapshot, configuration, f"{snapshot.folder.resolve().name} {digest}")

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

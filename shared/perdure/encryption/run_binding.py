"""What an encrypted value is bound to: the run, by namespace and workflow id."""

import json
from dataclasses import dataclass
from typing import Self

__all__ = ["RunBinding"]


@dataclass(frozen=True, slots=True)
class RunBinding:
    """A run. All runs of a workflow id are one here: a reset and a continued run read what the former has written.

    Attributes:
        namespace: Temporal's.
        workflow_id: Temporal's.
    """

    namespace: str
    workflow_id: str

    def to_bytes(self) -> bytes:
        """Return the associated data of the cipher: JSON, so that no two runs have the same."""
        return json.dumps([self.namespace, self.workflow_id], ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the run of such bytes.

        Raises:
            ValueError: They name no run.
        """
        match json.loads(data):
            case [str(namespace), str(workflow_id)]:
                return cls(namespace, workflow_id)
        raise ValueError("it names no run")

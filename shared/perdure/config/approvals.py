"""What an operator says of approvals in ``perdure.yaml``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from perdure.contracts import Escalation, Policy

__all__ = ["ApprovalSettings"]


class _Escalation(Escalation):
    """As the contract has it, but a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid")


class _Policy(Policy):
    """As the contract has it, but a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid")

    escalate: tuple[_Escalation, ...] = ()


class ApprovalSettings(BaseModel):
    """Who may answer what.

    Attributes:
        approvers: The file of people, their public keys and roles; it is read again when it changes. By default
            ``approvers.yaml`` in the state folder, where the local engine keeps the one who started it.
        keys: The folder of the private keys that this machine's people sign with, each ``<approver>.pem``; by default
            ``keys`` in the state folder.
        policies: By workflow; ``*`` holds for all others. What a workflow's author says goes before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    approvers: Path | None = None
    keys: Path | None = None
    policies: dict[str, _Policy] = {}

"""The section ``approvals:``: approvers, their keys, and the policies of requests."""

from pathlib import Path

from pydantic import ConfigDict, Field

from perdure.config.section import Section
from perdure.contracts import Escalation, Policy

__all__ = ["ApprovalSettings"]


class _Escalation(Escalation):
    """The contract's escalation, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid")


class _Policy(Policy):
    """The contract's policy, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid")

    escalate: tuple[_Escalation, ...] = ()


class ApprovalSettings(Section):
    """Who may decide which requests.

    Attributes:
        approvers: The file of people, their public keys and roles; it is read again when it changes. By default
            ``approvers.yaml`` in the state folder, to which the local engine adds the person who started it.
        keys: The folder of the private keys that people sign with on this machine, each ``<approver>.pem``. By default
            it lies outside the state folder: ``~/.local/share/perdure/<project>-<digest>/keys``. A folder ``keys`` that
            0.1 made in the state folder is still used. With servers of your own: ``keys`` in the state folder.
        policies: By workflow; ``*`` is for all others. The workflow author's policy takes precedence.
    """

    approvers: Path | None = None
    keys: Path | None = None
    policies: dict[str, _Policy] = Field(default_factory=dict)

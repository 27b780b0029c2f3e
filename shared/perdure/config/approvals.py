"""The section ``approvals:``: approvers, their keys, and the policies of requests."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, model_validator

from perdure.config.section import Section
from perdure.contracts import Escalation, Policy

__all__ = ["ApprovalSettings", "OperatorPolicy", "Tightening"]

_Name = Annotated[str, StringConstraints(min_length=1)]


class _Escalation(Escalation):
    """The contract's escalation, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid")


class Tightening(BaseModel):
    """What a policy demands beside, of requests for which a condition holds.

    Attributes:
        when: A CEL expression over ``action``, ``details``, ``severity`` and ``title`` of the request. One that fails,
            as on a field that the action lacks, holds.
        quorum: How many people must approve then, at least.
        role_quorums: How many holders of a role must approve then, by role.
        veto_roles: One rejection by a holder of these roles decides then.
        proxies: Whether a proxy may sign then; ``false``, or nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str
    quorum: PositiveInt = 1
    role_quorums: dict[_Name, PositiveInt] = Field(default_factory=dict)
    veto_roles: tuple[_Name, ...] = ()
    proxies: bool = True


class OperatorPolicy(Policy):
    """Who may vote, and how votes decide, at least: a workflow's author may only tighten it. Unknown keys are refused.

    Attributes:
        tighten: What it demands beside, by condition.
    """

    model_config = ConfigDict(extra="forbid")

    escalate: tuple[_Escalation, ...] = ()
    tighten: tuple[Tightening, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_proxies(cls, given: Any) -> Any:
        """Read ``proxies: {distinct_people: true}``."""
        if isinstance(given, dict) and isinstance(given.get("proxies"), dict):
            proxies = dict(given["proxies"])
            distinct = proxies.pop("distinct_people", False)
            if proxies:
                raise ValueError(f"proxies: true, false or {{distinct_people: true}}, not {', '.join(proxies)}")
            return {**given, "proxies": True, "distinct_people": distinct}
        return given


class ApprovalSettings(Section):
    """Who may decide which requests.

    Attributes:
        approvers: The file of people, their public keys and roles; it is read again when it changes. By default
            ``approvers.yaml`` in the state folder, to which the local engine adds the person who started it.
        keys: The folder of the private keys that people sign with on this machine, each ``<approver>.pem``. By default
            it lies outside the state folder: ``~/.local/share/perdure/<project>-<digest>/keys``. A folder ``keys`` that
            0.1 made in the state folder is still used. With servers of your own: ``keys`` in the state folder.
        policies: By workflow; ``*`` is for all others. A workflow's author may only tighten them.
    """

    approvers: Path | None = None
    keys: Path | None = None
    policies: dict[str, OperatorPolicy] = Field(default_factory=dict)

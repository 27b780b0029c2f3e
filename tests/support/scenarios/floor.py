"""The operator's policy in a scenario: what every request of the run must meet at least."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.support.scenarios.request import Request, RoleQuorums

__all__ = ["DEAR", "Floor", "Tightening"]

DEAR: Final = 1000
"""The amount above which the tightening holds."""

_PROXIES: Final = {"none": False, "one": True, "distinct": {"distinct_people": True}}


@dataclass(frozen=True)
class Tightening:
    """What the operator demands beside of actions with a larger amount, and of those without any."""

    quorum: int = 1
    role_quorums: RoleQuorums = ()
    veto_roles: tuple[str, ...] = ()
    proxies: bool = True


@dataclass(frozen=True)
class Floor:
    """The operator's policy.

    Attributes:
        proxies: What it says of proxies, if anything.
        timeout: In hours and the 20 minutes of the first request.
    """

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    quorum: int = 1
    role_quorums: RoleQuorums = ()
    rejections: int = 1
    veto_roles: tuple[str, ...] = ()
    proxies: Literal["none", "one", "distinct"] | None = None
    requester_may_answer: bool = False
    timeout: int | None = None
    silence: Literal["reject", "approve"] = "reject"
    dear: Tightening | None = None

    def settings(self, request: Request) -> dict[str, Any]:
        """Return it as ``approvals.policies`` holds it; the request says how many minutes are added to its timers."""
        policy: dict[str, Any] = {
            "people": self.people,
            "roles": self.roles,
            "quorum": self.quorum,
            "role_quorums": dict(self.role_quorums),
            "rejections": self.rejections,
            "veto_roles": self.veto_roles,
            "requester_may_answer": self.requester_may_answer,
            "timeout": None if self.timeout is None else request.span(self.timeout),
            "silence": self.silence,
        }
        if self.proxies is not None:
            policy["proxies"] = _PROXIES[self.proxies]
        if self.dear is not None:
            policy["tighten"] = [
                {
                    "when": f"action.amount > {DEAR}",
                    "quorum": self.dear.quorum,
                    "role_quorums": dict(self.dear.role_quorums),
                    "veto_roles": self.dear.veto_roles,
                    "proxies": self.dear.proxies,
                }
            ]
        return policy

"""One approval request of a scenario."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Literal

from perdure.contracts import Escalation, Policy

__all__ = ["EscalationStep", "Request", "RoleQuorums"]

RoleQuorums = tuple[tuple[str, int], ...]
"""How many holders of a role must approve."""


@dataclass(frozen=True)
class EscalationStep:
    """An escalation after some hours."""

    after: int
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    instead: bool = False


@dataclass(frozen=True)
class Request:
    """One approval request; all durations are in hours.

    Attributes:
        minutes: Added to each timer, so that no decision arrives in the instant in which a timer fires. Two requests
            have different minutes: the test server fails when a timer is cancelled as it fires.
        amount: The amount in its action, if it has any.
    """

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    quorum: int = 1
    role_quorums: RoleQuorums = ()
    rejections: int = 1
    veto_roles: tuple[str, ...] = ()
    proxies: bool = True
    distinct_people: bool = False
    requester: str | None = None
    requester_may_answer: bool = False
    remind_every: int | None = None
    escalations: tuple[EscalationStep, ...] = ()
    timeout: int | None = None
    silence: Literal["reject", "approve"] = "reject"
    minutes: int = 20
    amount: int | None = None

    @property
    def action(self) -> dict[str, int] | None:
        """What is to be done."""
        return None if self.amount is None else {"amount": self.amount}

    def span(self, hours: int) -> timedelta:
        """Return the delay of a timer; 0 hours are no delay at all."""
        return timedelta(hours=hours, minutes=self.minutes if hours else 0)

    @cached_property
    def policy(self) -> Policy:
        return Policy(
            people=self.people,
            roles=self.roles,
            quorum=self.quorum,
            role_quorums=dict(self.role_quorums),
            rejections=self.rejections,
            veto_roles=self.veto_roles,
            proxies=self.proxies,
            distinct_people=self.distinct_people,
            requester_may_answer=self.requester_may_answer,
            remind_every=None if self.remind_every is None else self.span(self.remind_every),
            escalate=tuple(
                Escalation(after=self.span(it.after), people=it.people, roles=it.roles, instead=it.instead)
                for it in self.escalations
            ),
            timeout=None if self.timeout is None else self.span(self.timeout),
            silence=self.silence,
        )

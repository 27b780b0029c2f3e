"""Approval policies: who may vote, how many votes it takes, and what happens without them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, StringConstraints, model_validator

from perdure.values.duration import Duration

__all__ = ["Escalation", "Policy", "Vote"]

_Name = Annotated[str, StringConstraints(min_length=1)]


class Escalation(BaseModel):
    """One escalation: after some time, other people may vote.

    Attributes:
        after: Time since the request was opened.
        people: Who may vote then, by name.
        roles: Who may vote then, by role.
        instead: Whether those who could vote before no longer may; votes that they cast still count.
    """

    model_config = ConfigDict(frozen=True)

    after: Duration
    people: tuple[_Name, ...] = ()
    roles: tuple[_Name, ...] = ()
    instead: bool = False

    @model_validator(mode="after")
    def _names_somebody(self) -> "Escalation":
        if not self.people and not self.roles:
            raise ValueError("an escalation asks nobody: name people or roles")
        return self


class Policy(BaseModel):
    """Who may vote, and how votes decide. Without people and roles, every approver in the file may vote.

    Attributes:
        people: Who may vote, by name.
        roles: Who may vote, by role.
        quorum: How many different people must approve.
        role_quorums: How many holders of a role must approve, by role: each vote counts for one role. These roles may
            vote too.
        rejections: How many different people must reject. Whichever number is reached first decides.
        veto_roles: One rejection by a holder of these roles decides at once. They may approve too.
        proxies: Whether a known proxy, such as the notifier for Slack, may sign for people.
        distinct_people: Whether proxies tell people apart so surely that votes which one of them signs are several.
            Otherwise all votes for one result that one proxy signs count as one.
        requester_may_answer: Whether the requester may vote.
        excluded: Who may not vote, by name, neither for themselves nor by a delegate.
        remind_every: Time between reminders to those who may vote.
        escalate: The escalations, in any order.
        timeout: Decisions stored later than this after opening do not count. Absent: the run waits for ever.
        silence: The result if nobody decides in time.
    """

    model_config = ConfigDict(frozen=True)

    people: tuple[_Name, ...] = ()
    roles: tuple[_Name, ...] = ()
    quorum: PositiveInt = 1
    role_quorums: dict[_Name, PositiveInt] = {}
    rejections: PositiveInt = 1
    veto_roles: tuple[_Name, ...] = ()
    proxies: bool = True
    distinct_people: bool = False
    requester_may_answer: bool = False
    excluded: tuple[_Name, ...] = ()
    remind_every: Duration | None = None
    escalate: tuple[Escalation, ...] = ()
    timeout: Duration | None = None
    silence: Literal["reject", "approve"] = "reject"

    @property
    def rungs(self) -> tuple[Escalation, ...]:
        """The escalations, earliest first; ``ApprovalEscalated.count`` counts them from 1."""
        return tuple(sorted(self.escalate, key=lambda rung: rung.after))

    @property
    def voting_roles(self) -> tuple[str, ...]:
        """The roles that may vote, those of ``role_quorums`` included."""
        return tuple(dict.fromkeys((*self.roles, *self.role_quorums)))

    @property
    def is_limited(self) -> bool:
        """Whether not every approver may vote."""
        return bool(self.people or self.voting_roles)

    @property
    def needs_several(self) -> bool:
        """Whether one vote is not enough, or one may stop the others: then proxies are an explicit choice."""
        return bool(self.quorum > 1 or sum(self.role_quorums.values()) > 1 or self.veto_roles)

    @model_validator(mode="after")
    def _can_be_met(self) -> "Policy":
        named = {*self.people, *(name for rung in self.escalate for name in rung.people)}
        roles = {*self.voting_roles, *self.veto_roles, *(role for rung in self.escalate for role in rung.roles)}
        if self.people and not roles and self.quorum > len(named):
            raise ValueError(f"{self.quorum} people must approve, but only {', '.join(sorted(named))} may")
        if self.remind_every is not None and not self.remind_every:
            raise ValueError("remind_every must be longer than 0 seconds")
        for rung in self.escalate:
            if rung.instead and (lost := set(self.role_quorums) - set(rung.roles)):
                raise ValueError(
                    f"after an escalation `instead`, role_quorums needs {', '.join(sorted(lost))}: name it there too"
                )
        return self


class Vote(BaseModel):
    """One person's vote.

    Attributes:
        approver: Their name in the approvers file.
        comment: Their free text.
        proxy: The program that signed for them; absent if they signed themselves.
    """

    model_config = ConfigDict(frozen=True)

    approver: str
    comment: str = ""
    proxy: str | None = None

"""Who may answer an approval request, how many it takes, and what happens while nobody does."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, StringConstraints, model_validator

from perdure.values.duration import Duration

__all__ = ["Escalation", "Policy", "Vote"]

_Name = Annotated[str, StringConstraints(min_length=1)]


class Escalation(BaseModel):
    """A rung of the ladder: after a while others are asked.

    Attributes:
        after: Since the request was opened.
        people: Who is asked, by name.
        roles: Who is asked, by role.
        instead: Whether those asked before may no longer answer; voices that they gave go on to count.
    """

    model_config = ConfigDict(frozen=True)

    after: Duration
    people: tuple[_Name, ...] = ()
    roles: tuple[_Name, ...] = ()
    instead: bool = False

    @model_validator(mode="after")
    def _asks_somebody(self) -> "Escalation":
        if not self.people and not self.roles:
            raise ValueError("an escalation asks nobody: name people or roles")
        return self


class Policy(BaseModel):
    """What makes an approval. Without people and roles, every known approver may answer.

    Attributes:
        people: Who may answer, by name.
        roles: Who may answer, by role.
        quorum: So many different people must approve.
        rejections: So many different people must reject; the first whose number is reached decides.
        veto_roles: Who has one of these rejects at once and alone, and may answer too.
        proxies: Whether a program that is known as a proxy, such as the notifier for Slack, may sign for people.
        requester_may_answer: Whether the one on whose behalf the run asks may answer.
        remind_every: How often those asked are reminded.
        escalate: Who is asked later.
        timeout: After this time no answer counts any more; without it the run waits for ever.
        silence: What it means that nobody answered in time.
    """

    model_config = ConfigDict(frozen=True)

    people: tuple[_Name, ...] = ()
    roles: tuple[_Name, ...] = ()
    quorum: PositiveInt = 1
    rejections: PositiveInt = 1
    veto_roles: tuple[_Name, ...] = ()
    proxies: bool = True
    requester_may_answer: bool = False
    remind_every: Duration | None = None
    escalate: tuple[Escalation, ...] = ()
    timeout: Duration | None = None
    silence: Literal["reject", "approve"] = "reject"

    @property
    def rungs(self) -> tuple[Escalation, ...]:
        """The escalations in the order in which they come; their facts count them from 1."""
        return tuple(sorted(self.escalate, key=lambda rung: rung.after))

    @model_validator(mode="after")
    def _can_be_met(self) -> "Policy":
        named = {*self.people, *(name for rung in self.escalate for name in rung.people)}
        roles = {*self.roles, *self.veto_roles, *(role for rung in self.escalate for role in rung.roles)}
        if self.people and not roles and self.quorum > len(named):
            raise ValueError(f"{self.quorum} people must approve, but only {', '.join(sorted(named))} may")
        if self.remind_every is not None and not self.remind_every:
            raise ValueError("remind_every is no time at all")
        return self


class Vote(BaseModel):
    """What one person said.

    Attributes:
        proxy: The program that signed for them, if they did not sign themselves.
    """

    model_config = ConfigDict(frozen=True)

    approver: str
    comment: str = ""
    proxy: str | None = None

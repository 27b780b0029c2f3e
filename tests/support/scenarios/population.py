"""What the approvers file of a scenario says of people: their roles, absences and revoked keys."""

from dataclasses import dataclass, field
from typing import Final

from tests.support.scenarios.actions import Action, Assign, Leave, Return, Revoke

__all__ = ["AWAY", "ROLES", "Population"]

ROLES: Final = {"ann": ("editor",), "bob": ("editor",), "eve": ("editor",), "lee": ("legal",), "dan": (), "cat": ()}
AWAY: Final = {"ann": ("cat",), "eve": ("dan",)}
"""Who is away from the start, with their delegates; all may vote."""


@dataclass
class Population:
    """The state of the file after some edits.

    Attributes:
        has_left: Who is or was away: the file holds one absence of each person, so nobody leaves twice.
    """

    roles: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(ROLES))
    away: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(AWAY))
    has_left: set[str] = field(default_factory=lambda: set(AWAY))
    revoked: set[str] = field(default_factory=set)

    def edit(self, action: Action) -> bool:
        """Apply an action; returns whether it edits the file."""
        match action:
            case Leave(who, to) if who not in self.has_left and who not in to:
                self.away[who] = to
                self.has_left.add(who)
            case Return(who) if who in self.away:
                del self.away[who]
            case Assign(who, roles):
                self.roles[who] = roles
            case Revoke(who):
                self.revoked.add(who)
            case _:
                return False
        return True

    def absent(self, delegate: str) -> tuple[str, ...]:
        """Return the people for whom somebody may vote too."""
        return tuple(sorted(who for who, delegates in self.away.items() if delegate in delegates))

    def roles_of(self, *names: str) -> tuple[str, ...]:
        """Return the roles of people together."""
        return tuple(sorted({role for name in names for role in self.roles[name]}))

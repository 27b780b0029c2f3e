"""Who asks, and what they may do: known from a session, or from the headers of a proxy that logs people in."""

import logging
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from perdure.approvers import ApproversFile
from perdure.config.services import ConsoleSettings
from perdure.errors import SetupError
from perdure.local.secret_files import SecretFiles

__all__ = ["Identities", "Person", "Role", "person_of"]

_LONGEST_NAME: Final = 256  # characters, as in a decision

Role = Literal["operator", "approver"]
"""What somebody may do beside looking."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known.

    Attributes:
        name: Their name, in the approvers file too if they are in it.
        roles: What they may do beside looking.
    """

    name: str
    roles: frozenset[Role]

    def require(self, role: Role) -> None:
        """Refuse what only somebody with a role may do.

        Raises:
            HTTPException: They have not got it (403).
        """
        if role not in self.roles:
            raise HTTPException(403, f"{self.name} is no {role}, and only an {role} may do this.")


class Identities:
    """Tells people apart.

    Args:
        settings: The section ``console``.
        approvers: The approvers file.
        sessions: The sessions of people who entered by a link.
    """

    def __init__(self, settings: ConsoleSettings, approvers: ApproversFile, sessions: SecretFiles) -> None:
        self._settings = settings
        self._approvers = approvers
        self.sessions = sessions

    @property
    def by_proxy(self) -> bool:
        """Whether proxies log people in."""
        return self._settings.url is not None

    def cookie(self, request: HTTPConnection) -> str:
        """Return the name of the session's cookie; browsers give one host's cookies to all of its ports."""
        return f"perdure-session-{request.url.port or 0}"

    def of(self, request: HTTPConnection) -> Person | None:
        """Return who asks; None if nobody knows."""
        name = self._named(request) if self.by_proxy else self.sessions.person(self._session(request))
        if not name:
            return None
        roles: set[Role] = set()
        if not self.by_proxy or name in self._settings.operators:
            roles.add("operator")
        if self._is_approver(name):
            roles.add("approver")
        return Person(name, frozenset(roles))

    def _session(self, request: HTTPConnection) -> str:
        return request.cookies.get(self.cookie(request), "")

    def _named(self, request: HTTPConnection) -> str | None:
        """Return the name that a proxy gives, if one does; two names are none."""
        names = request.headers.getlist(self._settings.user_header)
        host = ip_address(request.client.host) if request.client else None
        if len(names) != 1 or host is None or len(names[0]) > _LONGEST_NAME:
            return None
        return names[0].strip() if any(host in network for network in self._settings.proxies) else None

    def _is_approver(self, name: str) -> bool:
        try:
            return name in self._approvers.current().approvers
        except SetupError as error:
            _log.warning("nobody can decide: %s", error)
            return False


def person_of(request: Request) -> Person:
    """Return who asks; the guard lets nobody else in."""
    person: Person = request.state.person
    return person

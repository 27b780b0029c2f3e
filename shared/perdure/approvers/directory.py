"""The content of the approvers file, and the verification of decisions by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import Field, JsonValue, model_validator

from perdure.approvers.directory_check import directory_problems
from perdure.approvers.entries import Approver, DirectoryEntry, Proxy, PublicKey
from perdure.approvers.signature import verifies
from perdure.contracts import ReceiptCode, Severity
from perdure.errors import PerdureError

__all__ = ["Directory", "Identity", "NotVerified"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What the approvers file holds about the approver of a verified decision.

    Attributes:
        roles: The approver's roles, and those of the people they stand in for.
        stands_in_for: People who were away and have the approver as delegate.
        proxy: The program that signed for the approver; None if they signed themselves.
        proxy_severities: The severities of the requests that the proxy may sign on; empty: all.
        key_id: The key that signed.
        own_roles: Only the approver's own roles.
    """

    roles: tuple[str, ...]
    stands_in_for: tuple[str, ...]
    proxy: str | None
    proxy_severities: tuple[Severity, ...]
    key_id: str
    own_roles: tuple[str, ...]


class NotVerified(PerdureError):
    """A decision's signature does not verify: it is refused and never reaches its run.

    Attributes:
        code: The code of its receipt.
    """

    def __init__(self, code: ReceiptCode, reason: str) -> None:
        super().__init__(reason)
        self.code: ReceiptCode = code


class Directory(DirectoryEntry):
    """The content of the approvers file.

    Attributes:
        approvers: People who may vote, by name.
        proxies: Programs that may sign for people, by name.
    """

    approvers: dict[str, Approver] = Field(default_factory=dict)
    proxies: dict[str, Proxy] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        if problems := list(directory_problems(self.approvers, self.proxies)):
            raise ValueError("; ".join(problems))
        return self

    def identify(self, body: Mapping[str, JsonValue], stored_at: datetime) -> Identity:
        """Verify the signature of a decision and return what is known of its approver.

        Args:
            body: The decision's body as received.
            stored_at: When JetStream stored it (UTC); that decides which keys are revoked and which delegations hold.

        Raises:
            NotVerified: The decision was not signed with a valid key of its approver or of a proxy.
        """
        who, key_id = str(body.get("approver")), body.get("key_id")
        if not body.get("signature") or not key_id:
            raise NotVerified("unsigned", "it carries no signature and key_id: `perdure approvers add` makes a key")
        if who not in self.approvers:
            raise NotVerified("unknown_approver", f"the approvers file knows no {who}")
        found = next((it for it in self._keys_of(who) if it[0].key_id == key_id), None)
        if found is None:
            raise NotVerified("unknown_key", f"the key {key_id} may not sign for {who}")
        key, proxy = found
        if not verifies(body, key.raw):
            raise NotVerified("forged", f"its signature is not that of the key {key_id} over its fields")
        if key.revoked is not None and key.revoked <= stored_at:
            raise NotVerified("revoked_key", f"the key {key_id} was revoked at {key.revoked:%Y-%m-%d %H:%M:%S} UTC")
        names, roles = self.represented(who, stored_at)
        severities = self.proxies[proxy].severities if proxy is not None else ()
        return Identity(
            roles=tuple(sorted(roles)),
            stands_in_for=tuple(sorted(names - {who})),
            proxy=proxy,
            proxy_severities=severities,
            key_id=key.key_id,
            own_roles=self.approvers[who].roles,
        )

    def represented(self, who: str, now: datetime) -> tuple[set[str], set[str]]:
        """Return the people that somebody may vote for at an instant, themselves included, and all of their roles."""
        names = {who, *self._absent(who, now)} & set(self.approvers)
        return names, {role for name in names for role in self.approvers[name].roles}

    def _keys_of(self, who: str) -> Iterator[tuple[PublicKey, str | None]]:
        yield from ((key, None) for key in self.approvers[who].keys)
        for name, proxy in self.proxies.items():
            if proxy.may_sign_for(who, self.approvers[who]):
                yield from ((key, name) for key in proxy.keys)

    def _absent(self, who: str, now: datetime) -> Iterator[str]:
        for name, approver in self.approvers.items():
            if approver.away is not None and who in approver.away.to and approver.away.lasts_at(now):
                yield name

"""The content of the approvers file: people with keys and roles, absences with delegates, and proxies."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

from perdure.approvers.keys import key_id_of
from perdure.approvers.signature import verifies
from perdure.contracts import ReceiptCode
from perdure.contracts.instant import Instant
from perdure.errors import PerdureError

__all__ = ["Approver", "Away", "Directory", "Identity", "NotVerified", "Proxy", "PublicKey"]

_KEY_BYTES: Final = 32


def _is_key(text: str) -> str:
    if len(b64decode(text, validate=True)) != _KEY_BYTES:
        raise ValueError(f"an Ed25519 public key is {_KEY_BYTES} bytes in base64")
    return text


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicKey(_Entry):
    """A public key of an approver or proxy.

    Attributes:
        public: The Ed25519 public key, 32 bytes in base64.
        created: When it was made (UTC).
        revoked: Decisions that are verified at or after this instant (UTC) are refused.
    """

    public: Annotated[str, AfterValidator(_is_key)]
    created: Instant | None = None
    revoked: Instant | None = None

    @property
    def raw(self) -> bytes:
        """The key's 32 bytes."""
        return b64decode(self.public)

    @property
    def key_id(self) -> str:
        """The id by which a decision names the key; see ``key_id_of``."""
        return key_id_of(self.raw)


class Away(_Entry):
    """An absence, during which delegates vote for an approver.

    Attributes:
        to: Names of the delegates.
        until: End of the absence (UTC); absent: until the entry is removed from the file.
    """

    to: tuple[str, ...]
    until: Instant | None = None


class Approver(_Entry):
    """A person who may vote.

    Attributes:
        roles: Names of their roles; policies refer to them.
        keys: Their public keys; several are valid at a time, so that keys can be rotated.
        away: Their absence and delegates, if they are away.
        slack: Their Slack user id, such as ``U012AB3CD``: their clicks in Slack count as their votes.
        email: The address for notifications by mail.
    """

    roles: tuple[str, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    away: Away | None = None
    slack: str | None = None
    email: str | None = None


class Proxy(_Entry):
    """A program that signs for people whom it authenticates itself, as the notifier does by Slack.

    Attributes:
        keys: Its public keys.
        people: Names of the approvers that it may sign for; empty: all of them.
    """

    keys: tuple[PublicKey, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What the approvers file holds about the approver of a verified decision.

    Attributes:
        roles: The approver's roles, and those of the people they stand in for.
        stands_in_for: People who are away and have the approver as delegate.
        proxy: The program that signed for the approver; None if they signed themselves.
        own_roles: Only the approver's own roles.
    """

    roles: tuple[str, ...]
    stands_in_for: tuple[str, ...]
    proxy: str | None
    own_roles: tuple[str, ...] | None = None


class NotVerified(PerdureError):
    """A decision's signature does not verify: it is refused and never reaches its run.

    Attributes:
        code: The code of its receipt.
    """

    def __init__(self, code: ReceiptCode, reason: str) -> None:
        super().__init__(reason)
        self.code: ReceiptCode = code


class Directory(_Entry):
    """The content of the approvers file.

    Attributes:
        approvers: People who may vote, by name.
        proxies: Programs that may sign for people, by name.
    """

    approvers: dict[str, Approver] = {}
    proxies: dict[str, Proxy] = {}

    def identify(self, body: Mapping[str, JsonValue], now: datetime) -> Identity:
        """Verify the signature of a decision and return what is known of its approver.

        Args:
            body: The decision's body as received.
            now: The current time (UTC); it decides which keys are revoked and which delegations hold.

        Raises:
            NotVerified: The decision was not signed with a valid key of its approver or of a proxy.
        """
        who, key_id = str(body.get("approver")), body.get("key_id")
        if not body.get("signature") or not key_id:
            raise NotVerified("unsigned", "it carries no signature and key_id: `perdure approvers add` makes a key")
        if who not in self.approvers:
            raise NotVerified("unknown_approver", f"the approvers file knows no {who}")
        found = next(((key, proxy) for key, proxy in self._keys_of(who) if key.key_id == key_id), None)
        if found is None:
            raise NotVerified("unknown_key", f"the key {key_id} may not sign for {who}")
        key, proxy = found
        if not verifies(body, key.raw):
            raise NotVerified("forged", f"its signature is not that of the key {key_id} over its fields")
        if key.revoked is not None and key.revoked <= now:
            raise NotVerified("revoked_key", f"the key {key_id} was revoked at {key.revoked:%Y-%m-%d %H:%M:%S} UTC")
        names, roles = self.represented(who, now)
        return Identity(tuple(sorted(roles)), tuple(sorted(names - {who})), proxy, self.approvers[who].roles)

    def represented(self, who: str, now: datetime) -> tuple[set[str], set[str]]:
        """Return the people that somebody may vote for now, themselves included, and all roles of these people."""
        names = {who, *self._absent(who, now)} & set(self.approvers)
        return names, {role for name in names for role in self.approvers[name].roles}

    def _keys_of(self, who: str) -> Iterator[tuple[PublicKey, str | None]]:
        yield from ((key, None) for key in self.approvers[who].keys)
        for name, proxy in self.proxies.items():
            if not proxy.people or who in proxy.people:
                yield from ((key, name) for key in proxy.keys)

    def _absent(self, who: str, now: datetime) -> Iterator[str]:
        for name, approver in self.approvers.items():
            away = approver.away
            if away is not None and who in away.to and (away.until is None or now < away.until):
                yield name

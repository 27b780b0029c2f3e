"""The entries of the approvers file: people with keys and roles, absences with delegates, and proxies."""

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from perdure.approvers.keys import key_id_of
from perdure.contracts import Severity
from perdure.contracts.instant import Instant

__all__ = ["Approver", "Away", "DirectoryEntry", "Proxy", "PublicKey"]

_KEY_BYTES: Final = 32


def _is_key(text: str) -> str:
    if len(b64decode(text, validate=True)) != _KEY_BYTES:
        raise ValueError(f"an Ed25519 public key is {_KEY_BYTES} bytes in base64")
    return text


class DirectoryEntry(BaseModel):
    """A part of the approvers file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicKey(DirectoryEntry):
    """A public key of an approver or proxy.

    Attributes:
        public: The Ed25519 public key, 32 bytes in base64.
        created: When it was made (UTC).
        revoked: Decisions that JetStream stores at or after this instant (UTC) are refused.
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


class Away(DirectoryEntry):
    """An absence, during which delegates vote for an approver.

    Attributes:
        to: Names of the delegates.
        since: Its begin (UTC); absent: it has no begin, and also counts for decisions from before it was written.
        until: Its end (UTC); absent: until the entry is removed from the file.
    """

    to: tuple[str, ...]
    since: Instant | None = None
    until: Instant | None = None

    def lasts_at(self, time: datetime) -> bool:
        """Return whether the approver is away at an instant (UTC)."""
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)


class Approver(DirectoryEntry):
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


class Proxy(DirectoryEntry):
    """A program that signs for people whom it authenticates itself, as the notifier does by Slack.

    Attributes:
        keys: Its public keys.
        people: Names of approvers that it may sign for.
        roles: Roles whose holders it may sign for too. Without people and roles it may sign for everybody.
        severities: The severities of the requests on which it may sign; empty: all.
    """

    keys: tuple[PublicKey, ...] = ()
    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()

    def may_sign_for(self, name: str, approver: Approver) -> bool:
        """Return whether it may sign for an approver; a role counts only if it is the approver's own."""
        unlimited = not self.people and not self.roles
        return unlimited or name in self.people or bool(set(self.roles) & set(approver.roles))

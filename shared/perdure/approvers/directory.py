"""The people who may answer approval requests: their public keys and roles, who is away, who speaks for others."""

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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicKey(_Part):
    """A key by which somebody is known.

    Attributes:
        public: 32 bytes in base64.
        created: When it was made (UTC).
        revoked: From this instant on (UTC) decisions that arrive with it are refused.
    """

    public: Annotated[str, AfterValidator(_is_key)]
    created: Instant | None = None
    revoked: Instant | None = None

    @property
    def raw(self) -> bytes:
        """The key itself."""
        return b64decode(self.public)

    @property
    def key_id(self) -> str:
        """By which a decision names it."""
        return key_id_of(self.raw)


class Away(_Part):
    """Somebody does not answer for a while; others do.

    Attributes:
        to: Who stands in.
        until: So long (UTC); without it, until this is taken out of the file.
    """

    to: tuple[str, ...]
    until: Instant | None = None


class Approver(_Part):
    """Somebody who may answer.

    Attributes:
        slack: Their user id in Slack, such as ``U012AB3CD``: what they click there counts as theirs.
        email: Where they are written to.
    """

    roles: tuple[str, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    away: Away | None = None
    slack: str | None = None
    email: str | None = None


class Proxy(_Part):
    """A program that signs for people whom it knows otherwise, as the notifier knows them by Slack.

    Attributes:
        people: For whom it may speak; for everybody, if none are named.
    """

    keys: tuple[PublicKey, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of the one who signed.

    Attributes:
        roles: Their own, and those of whom they stand in for.
        stands_in_for: People who are away.
        proxy: The program that signed for them, if they did not sign themselves.
    """

    roles: tuple[str, ...]
    stands_in_for: tuple[str, ...]
    proxy: str | None


class NotVerified(PerdureError):
    """A decision is nobody's: it is refused, and never reaches its run."""

    def __init__(self, code: ReceiptCode, reason: str) -> None:
        super().__init__(reason)
        self.code: ReceiptCode = code


class Directory(_Part):
    """Everybody who is known."""

    approvers: dict[str, Approver] = {}
    proxies: dict[str, Proxy] = {}

    def identify(self, body: Mapping[str, JsonValue], now: datetime) -> Identity:
        """Make sure that a decision is of the one whom it names.

        Raises:
            NotVerified: It is not; the code and the sentence say why.
        """
        who, key_id = str(body.get("approver")), body.get("key_id")
        if not body.get("signature") or not key_id:
            raise NotVerified("unsigned", "it carries no signature and key_id: `perdure keys new` makes a key")
        if who not in self.approvers:
            raise NotVerified("unknown_approver", f"the approvers file knows no {who}")
        found = next(((key, proxy) for key, proxy in self._keys_of(who) if key.key_id == key_id), None)
        if found is None:
            raise NotVerified("unknown_key", f"the key {key_id} does not speak for {who}")
        key, proxy = found
        if not verifies(body, key.raw):
            raise NotVerified("forged", f"its signature is not that of the key {key_id} over what it says")
        if key.revoked is not None and key.revoked <= now:
            raise NotVerified("revoked_key", f"the key {key_id} was revoked at {key.revoked:%Y-%m-%d %H:%M:%S} UTC")
        names, roles = self.represented(who, now)
        return Identity(tuple(sorted(roles)), tuple(sorted(names - {who})), proxy)

    def represented(self, who: str, now: datetime) -> tuple[set[str], set[str]]:
        """Return for whom somebody may answer now, themselves included, and all the roles that these have."""
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

"""The approvers of the scenarios, with their own keys: they sign decisions as the bridge requires."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from perdure.approvers import Approver, Away, Directory, Proxy, PublicKey, SigningKey
from tests.support.people import approvers_file, signed
from tests.support.scenarios.actions import Action, Assign, Decide, Leave, Return, Revoke
from tests.support.scenarios.population import AWAY, ROLES, Population


def title_of(number: int) -> str:
    return f"{number}?"


@dataclass(repr=False)
class ScriptedApprovers:
    """Approvers with a valid and a revoked key each, Slack as a proxy, and a key that no approver has."""

    path: Path
    keys: dict[str, SigningKey] = field(
        default_factory=lambda: {name: SigningKey.new() for name in (*ROLES, "slack", "stranger")}
    )
    revoked: dict[str, SigningKey] = field(default_factory=lambda: {name: SigningKey.new() for name in ROLES})

    def __post_init__(self) -> None:
        self.restore()

    def restore(self) -> None:
        """Undo what an earlier scenario has edited."""
        self.people = Population()
        self.entries = {name: self._approver(name) for name in ROLES}
        self.file = approvers_file(self.path, self.directory)

    def edit(self, action: Action, at: datetime) -> None:
        """Edit the file, if that is what the action does, as of this instant."""
        if not self.people.edit(action):
            return
        match action:
            case Revoke(who):
                old, key = self.entries[who].keys
                changed: dict[str, Any] = {"keys": (old, key.model_copy(update={"revoked": at}))}
            case Leave(who, to):
                changed = {"away": Away(to=to, since=at)}
            case Return(who):
                away = self.entries[who].away
                assert away is not None
                changed = {"away": away.model_copy(update={"until": at})}
            case Assign(who, roles):
                changed = {"roles": roles}
        self.entries[who] = self.entries[who].model_copy(update=changed)
        approvers_file(self.path, self.directory)

    def __repr__(self) -> str:
        return "the approvers"

    @property
    def directory(self) -> Directory:
        return Directory(
            approvers=self.entries,
            proxies={"slack": Proxy(keys=(PublicKey(public=self.keys["slack"].public),))},
        )

    def body(self, planned: Decide, run_id: str, start: datetime, digest: str | None) -> bytes:
        """Return the body of the message that carries a decision on a request with this digest, if it is published."""
        decision = signed(
            self._key(planned),
            planned.who,
            f"{run_id}.{planned.number}",
            digest if digest and planned.right_digest else "f" * 64,
            decision=planned.choice,
            nonce=f"{planned.nonce}",
            expires_at=None
            if planned.valid_hours is None
            else start + timedelta(hours=planned.valid_hours, minutes=40),
        )
        return json.dumps(decision.model_dump(mode="json") | _changed(planned)).encode()

    def _approver(self, name: str) -> Approver:
        revoked = PublicKey(public=self.revoked[name].public, revoked=datetime(2026, 1, 1, tzinfo=UTC))
        keys = (revoked, PublicKey(public=self.keys[name].public))
        return Approver(roles=ROLES[name], keys=keys, away=Away(to=AWAY[name]) if name in AWAY else None)

    def _key(self, planned: Decide) -> SigningKey:
        if planned.flaw == "revoked_key":
            return self.revoked[planned.who]
        if planned.flaw == "unknown_key":
            return self.keys["stranger"]
        return self.keys["slack" if planned.proxy else planned.who]


def _changed(planned: Decide) -> dict[str, Any]:
    """Return the fields that change after the decision was signed."""
    match planned.flaw:
        case "unsigned":
            return {"signature": None}
        case "forged":
            return {"comment": "added after signing"}
    return {}

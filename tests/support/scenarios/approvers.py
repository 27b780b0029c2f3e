"""The people of the stories with keys of their own: what they say is signed as the bridge wants it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from perdure.approvers import Approver, Away, Directory, Proxy, PublicKey, SigningKey
from perdure.flow.request_digest import request_digest
from tests.support.people import approvers_file, signed
from tests.support.scenarios.scenario import ROLES, STANDS_IN, Say


def title_of(number: int) -> str:
    return f"{number}?"


@dataclass(repr=False)
class Cast:
    """Each has a key and one that was revoked; Slack is a proxy, and the stranger is nobody."""

    path: Path
    keys: dict[str, SigningKey] = field(
        default_factory=lambda: {name: SigningKey.new() for name in (*ROLES, "slack", "stranger")}
    )
    revoked: dict[str, SigningKey] = field(default_factory=lambda: {name: SigningKey.new() for name in ROLES})

    def __post_init__(self) -> None:
        self.file = approvers_file(self.path, self.directory)

    def __repr__(self) -> str:
        return "the cast"

    @property
    def directory(self) -> Directory:
        return Directory(
            approvers={name: self._approver(name) for name in ROLES},
            proxies={"slack": Proxy(keys=(PublicKey(public=self.keys["slack"].public),))},
        )

    def body(self, say: Say, run_id: str, beginning: datetime) -> bytes:
        """Write what goes over the wire."""
        decision = signed(
            self._key(say),
            say.who,
            f"{run_id}.{say.about}",
            request_digest(title_of(say.about) if say.saw else "Something else?"),
            said=say.word,
            nonce=f"{say.nonce}",
            expires_at=None if say.good_for is None else beginning + timedelta(hours=say.good_for, minutes=40),
        )
        return json.dumps(decision.model_dump(mode="json") | _changed(say)).encode()

    def _approver(self, name: str) -> Approver:
        away = tuple(deputy for deputy, absent in STANDS_IN.items() if absent == name)
        gone = PublicKey(public=self.revoked[name].public, revoked=datetime(2026, 1, 1, tzinfo=UTC))
        keys = (gone, PublicKey(public=self.keys[name].public))
        return Approver(roles=ROLES[name], keys=keys, away=Away(to=away) if away else None)

    def _key(self, say: Say) -> SigningKey:
        if say.flaw == "revoked_key":
            return self.revoked[say.who]
        if say.flaw == "unknown_key":
            return self.keys["stranger"]
        return self.keys["slack" if say.proxy else say.who]


def _changed(say: Say) -> dict[str, Any]:
    """Return what became of a signed decision on its way."""
    match say.flaw:
        case "unsigned":
            return {"signature": None}
        case "forged":
            return {"comment": "what was never signed"}
    return {}

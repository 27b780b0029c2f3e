"""Each attack can succeed: with one defence taken away it reports something else than a refusal."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any, Final, cast

import pytest
from pydantic import JsonValue
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook

import perdure.approvers.directory as directory_module
from perdure.approvers import Directory, Proxy
from perdure.approvers.directory import Identity
from perdure.bus import MemoryBus, StoredMessage
from perdure.bus.events import read_event_and_headers
from perdure.bus.json_body import read_json
from perdure.bus.permissions import ROLES
from perdure.contracts import Decision
from perdure.flow.unverified_decisions import UnverifiedDecisions
from perdure.voting.ballot import Ballot
from perdure_ingest import reception
from perdure_notifier.replies.slack_origin import SlackOrigin
from perdure_orchestrator import bridge, decision_bridge, decision_verifier, parsing
from perdure_orchestrator.decision_places import DecisionPlaces
from tests.support import roles
from tests.support.attacks.all_attacks import ATTACKS
from tests.support.attacks.attack import Attack, play
from tests.support.attacks.suite import AttackedSuite
from tests.support.attacks.twin import open_twin

_REFUSAL: Final = Ballot._refusal  # noqa: SLF001 (the rule that is broken)

Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Break:
    """A defence that is taken away.

    Attributes:
        attack: The attack that then succeeds: the module of its actor, and its name.
        patches: What is replaced: the owner, the name and the replacement.
        word: How the attack's report begins then, unless that is which requests were decided.
    """

    attack: str
    patches: tuple[Patch, ...]
    word: str = "accepted"


def believe_everybody(_: Directory, body: Mapping[str, JsonValue], __: datetime) -> Identity:
    roles = ("editor",)
    key = str(body.get("key_id"))
    return Identity(roles=roles, own_roles=roles, stands_in_for=(), proxy=None, proxy_severities=(), key_id=key)


def know_no_revocation(directory: Directory, body: Mapping[str, JsonValue], _: datetime) -> Identity:
    return _IDENTIFY(directory, body, datetime(2025, 1, 1, tzinfo=UTC))


def every_key(directory: Directory, _: str) -> Iterator[tuple[Any, None]]:
    yield from ((key, None) for person in directory.approvers.values() for key in person.keys)


def forgetting(code: str) -> Patch:
    """Let the ballot of a request not know one refusal."""

    def refusal(ballot: Ballot, *arguments: Any) -> Any:
        found = _REFUSAL(ballot, *arguments)
        return None if found is not None and found[0] == code else found

    return Ballot, "_refusal", refusal


def read_any_decision(message: StoredMessage) -> tuple[Decision, dict[str, JsonValue]]:
    fields = read_json(message.raw.body)
    assert isinstance(fields, dict)
    return Decision.model_validate(fields), fields


def read_event_by_its_header(raw: Any, **options: Any) -> Any:
    return read_event_and_headers(raw.__class__(f"events.{raw.headers['ce-type']}", raw.body, raw.headers), **options)


async def claim_again(_: DecisionPlaces, __: Mapping[str, JsonValue], place: str) -> str:
    return place


def accept(*_: Any, **__: Any) -> bool:
    return True


def do_nothing(*_: Any) -> None: ...


_IDENTIFY: Final = Directory.identify
_BELIEVING: Final = (UnverifiedDecisions, "takes_next", lambda _: False)  # what a signal claims

BREAKS: Final = {
    "no signature is demanded": Break("bot: vote without a signature", ((Directory, "identify", believe_everybody),)),
    "no signature is compared": Break(
        "bot: turn an approval into a rejection", ((directory_module, "verifies", accept),)
    ),
    "keys are everybody's": Break("bot: vote for ada with the key of eve", ((Directory, "_keys_of", every_key),)),
    "revocations are not seen": Break(
        "bot: vote with a key that was revoked", ((Directory, "identify", know_no_revocation),)
    ),
    "digests are not compared": Break("bot: approve what nobody was shown", (forgetting("wrong_digest"),)),
    "roles are not asked for": Break("bot: vote without a role that the request names", (forgetting("not_allowed"),)),
    "requesters may vote": Break("bot: vote on a request of its own", (forgetting("not_allowed"),)),
    "votes do not end": Break("bot: use a vote after its end", (forgetting("decision_expired"),)),
    "runs are not compared": Break("bot: use a vote for a later run", (forgetting("replayed"),)),
    "votes are not counted once": Break("bot: vote twice", (forgetting("duplicate"),)),
    "repetitions reach Temporal": Break(
        "bot: fill the history of a run with repetitions", ((DecisionPlaces, "claim", claim_again),), "replayed, 21 "
    ),
    "a decision's subject is not compared": Break(
        "bot: send a decision to a run of which it does not name the request",
        tuple((module, "read_decision", read_any_decision) for module in (decision_bridge, decision_verifier)),
    ),
    "an event's subject is not compared": Break(
        "publisher: disguise an event as another type by its header",
        ((reception, "read_event_and_headers", read_event_by_its_header),),
        "a run by an event",
    ),
    "signals are believed": Break("nobody: approve by a signal through Temporal", (_BELIEVING,), "already_decided"),
    "names are not reserved on SIGNALS": Break(
        "operator: approve by a signal", (_BELIEVING, (parsing, "refuse_reserved", do_nothing))
    ),
    "names are not reserved in commands": Break(
        "service_keys: approve as ingest by a command that signals a decision",
        (_BELIEVING, (bridge, "refuse_reserved", do_nothing)),
    ),
    "proxies sign for everybody": Break(
        "http: post a decision for somebody outside of the proxy's people",
        ((Proxy, "may_sign_for", accept), forgetting("not_allowed")),
    ),
    "proxies sign where people must": Break(
        "http: post a decision where people must sign", (forgetting("not_allowed"),)
    ),
    "the webhook's secret is not asked for": Break(
        "http: post a decision signed with another secret", ((Webhook, "verify", accept),), "200"
    ),
    "Slack's signature is not asked for": Break(
        "http: send a click with a signature of zeros", ((SignatureVerifier, "is_valid_request", accept),), "200"
    ),
    "Slack's workspace is not compared": Break(
        "http: click in another workspace", ((SlackOrigin, "check_team", do_nothing),), "200"
    ),
    "results of clicks go anywhere": Break(
        "http: have the outcome of a click posted elsewhere", ((SlackOrigin, "checked_url", lambda _, url: url),), "200"
    ),
}


def attack_named(name: str) -> Attack:
    actor, _, words = name.partition(": ")
    [found] = [attack for attack in ATTACKS[actor] if attack.name == words]
    return found


@pytest.mark.parametrize("planted", BREAKS.values(), ids=BREAKS)
async def test_without_its_defence_an_attack_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Break
) -> None:
    attack = attack_named(planted.attack)
    async with open_twin(tmp_path) as twin:
        [refused] = await play([attack], twin)
        for owner, name, replacement in planted.patches:
            monkeypatch.setattr(owner, name, replacement)
        [succeeded] = await play([attack], twin)

    assert (refused.word, refused.error, succeeded.error) == (attack.refused_with, None, None)
    assert succeeded.word.startswith(("decided", planted.word))


@pytest.fixture
def open_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[roles.Server]:
    """A server with the files of deploy/nats, but for the permissions."""
    monkeypatch.setattr(roles, "_DEPLOY", without_permissions(tmp_path))
    with roles.deployed_server(tmp_path) as server:
        yield server


async def test_without_permissions_each_attack_on_a_subject_succeeds(open_server: roles.Server) -> None:
    attacks = [it for listed in ATTACKS.values() for it in listed if it.refused_with == "violation"]
    with_a_key = [attack for attack in attacks if attack not in ATTACKS["nobody"]]
    nowhere = cast("Any", None)
    async with AsyncExitStack() as stack:
        clients = {role: await stack.enter_async_context(open_server.client(role)) for role in ROLES}
        suite = AttackedSuite(nowhere, MemoryBus(), nowhere, "", open_server, clients, {}, nowhere)
        played = await play(with_a_key, suite)

    assert len(played) > 50
    assert [it.attack.name for it in played if not it.word.startswith("allowed: ")] == []


def without_permissions(parent: Path) -> Path:
    """Return a copy of deploy/nats in which everybody may publish and subscribe to everything."""
    folder = copytree(Path(roles.__file__).parents[2] / "deploy" / "nats", parent / "open")
    accounts = (folder / "accounts.conf").read_text()
    accounts, allowed = re.subn(r"allow: \[[^]]*\]", 'allow: [">"]', accounts)
    accounts, denied = re.subn(r"deny: \[[^]]*\]", "", accounts)
    assert min(allowed, denied) >= 5
    (folder / "accounts.conf").write_text(accounts)
    return folder

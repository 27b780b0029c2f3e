"""Decisions are verified against the approvers file, as of the time when JetStream stored them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Away, Directory, NotVerified, Proxy, SigningKey
from perdure.errors import SetupError
from tests.support.people import approvers_file, directory, signed

ADA, BOB, BOT = SigningKey.new(), SigningKey.new(), SigningKey.new()
ROLES = {"ada": ["chief"], "bob": ["editor"]}
KNOWN = directory({"ada": ADA, "bob": BOB, "slack": BOT}, roles=ROLES, proxies=["slack"])
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def signed_body(key: SigningKey, approver: str) -> dict[str, Any]:
    return signed(key, approver, "run.1", "a" * 64).model_dump(mode="json")


def with_ada(known: Directory, **changes: object) -> Directory:
    ada = known.approvers["ada"].model_copy(update=changes)
    return known.model_copy(update={"approvers": {**known.approvers, "ada": ada}})


def refusal(known: Directory, key: SigningKey, approver: str) -> str:
    with pytest.raises(NotVerified) as refused:
        known.identify(signed_body(key, approver), NOW)
    return refused.value.code


def test_an_approver_is_identified_by_their_own_key() -> None:
    known = KNOWN.identify(signed_body(ADA, "ada"), NOW)

    assert (known.roles, known.stands_in_for, known.proxy, known.key_id) == (("chief",), (), None, ADA.key_id)
    assert refusal(KNOWN, BOB, "ada") == "unknown_key"
    assert refusal(KNOWN, ADA, "slack") == "unknown_approver"


def test_a_proxy_signs_only_for_the_people_it_may_and_is_named() -> None:
    assert KNOWN.identify(signed_body(BOT, "ada"), NOW).proxy == "slack"

    only_bob = KNOWN.model_copy(update={"proxies": {"slack": Proxy(keys=KNOWN.proxies["slack"].keys, people=("bob",))}})
    assert refusal(only_bob, BOT, "ada") == "unknown_key"


def test_a_proxy_may_be_limited_to_holders_of_roles_and_to_severities() -> None:
    keys = KNOWN.proxies["slack"].keys
    limited = KNOWN.model_copy(update={"proxies": {"slack": Proxy(keys=keys, roles=("chief",), severities=("low",))}})

    assert limited.identify(signed_body(BOT, "ada"), NOW).proxy_severities == ("low",)
    assert KNOWN.identify(signed_body(BOT, "ada"), NOW).proxy_severities == ()
    assert refusal(limited, BOT, "bob") == "unknown_key"


def test_the_role_of_an_absent_approver_opens_no_proxy_to_the_delegate() -> None:
    proxy = Proxy(keys=KNOWN.proxies["slack"].keys, roles=("chief",))
    known = with_ada(KNOWN, away=Away(to=("bob",))).model_copy(update={"proxies": {"slack": proxy}})

    assert refusal(known, BOT, "bob") == "unknown_key"


def test_a_key_counts_until_the_instant_of_its_revocation_by_the_time_of_storage() -> None:
    revoked = KNOWN.approvers["ada"].keys[0].model_copy(update={"revoked": NOW})
    known = with_ada(KNOWN, keys=(revoked,))

    assert known.identify(signed_body(ADA, "ada"), NOW - timedelta(microseconds=1)).key_id == ADA.key_id
    assert refusal(known, ADA, "ada") == "revoked_key"


def test_a_delegation_does_not_count_for_a_decision_stored_before_it() -> None:
    away = with_ada(KNOWN, away=Away(to=("bob",), since=NOW))

    assert away.identify(signed_body(BOB, "bob"), NOW - timedelta(seconds=1)).stands_in_for == ()
    assert away.identify(signed_body(BOB, "bob"), NOW).stands_in_for == ("ada",)


@pytest.mark.parametrize(("until", "roles"), [(NOW + timedelta(days=1), ("chief", "editor")), (NOW, ("editor",))])
def test_a_delegate_has_the_roles_of_an_absent_approver(until: datetime, roles: tuple[str, ...]) -> None:
    away = with_ada(KNOWN, away=Away(to=("bob",), until=until))

    known = away.identify(signed_body(BOB, "bob"), NOW)

    assert known.roles == roles
    assert known.stands_in_for == (("ada",) if len(roles) > 1 else ())


def test_a_change_of_the_file_holds_at_once_and_a_broken_file_holds_nothing(tmp_path: Path) -> None:
    file = approvers_file(tmp_path / "approvers.yaml", KNOWN)
    assert file.current() == KNOWN
    revoked = KNOWN.approvers["ada"].keys[0].model_copy(update={"revoked": NOW})
    with ApproversFile(file.path).changing() as (known, changed):
        changed.append(with_ada(known, keys=(revoked,)))

    assert refusal(file.current(), ADA, "ada") == "revoked_key"

    file.path.write_text("approvers: {ada: {rolls: [chief]}}")
    with pytest.raises(SetupError, match=r"approvers.ada.rolls: Extra inputs"):
        file.current()
    file.path.unlink()
    with pytest.raises(SetupError, match="is gone"):
        file.current()


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = approvers_file(tmp_path / "approvers.yaml", KNOWN)
    with file.changing() as (_, changed):
        changed.append(Directory(approvers={"eve": Approver()}))

    assert "eve" in file.path.read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".approvers.yaml.lock", "approvers.yaml"]

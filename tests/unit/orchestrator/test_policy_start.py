"""Policies that cannot be applied are refused before anything starts, with the line to write."""

from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Directory, Proxy
from perdure.config.settings import Settings
from perdure_orchestrator.check import find_problems
from perdure_orchestrator.policy_start import unusable_policies
from tests.support.people import SigningKey, approvers_file, directory

WEBHOOK = {"channels": {"desk": {"webhook": {"url": "http://127.0.0.1:1", "secret_variable": "S", "answers": True}}}}


def settings(folder: Path, policy: dict[str, Any], **more: Any) -> Settings:
    approvals = {"approvers": folder / "approvers.yaml", "policies": {"Payment": policy}}
    return Settings.model_validate({"state": folder, "approvals": approvals, **more})


def with_proxy(folder: Path) -> None:
    known = directory({"ada": SigningKey.new()})
    approvers_file(folder / "approvers.yaml", known.model_copy(update={"proxies": {"chat": Proxy()}}))


def problems(folder: Path, policy: dict[str, Any], known: Directory, **more: Any) -> str:
    return "\n".join(unusable_policies(settings(folder, policy, **more), known))


def test_a_policy_that_says_nothing_of_a_proxy_that_exists_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    known = Directory(proxies={"chat": Proxy()})
    found = problems(tmp_path, {"quorum": 2}, known)

    assert "Payment needs several people" in found
    assert "chat may sign for people: add the line `proxies: false`" in found
    assert not problems(tmp_path, {"quorum": 2, "proxies": True}, known)
    assert not problems(tmp_path, {}, known)


def test_a_notifier_that_will_sign_is_a_proxy_before_its_key_exists(tmp_path: Path) -> None:
    policy = {"veto_roles": ["legal"]}

    assert "notifier may sign" in problems(tmp_path, policy, Directory(), notifier=WEBHOOK)
    assert not problems(tmp_path, policy, Directory())


@pytest.mark.parametrize(
    "policy", [{"tighten": [{"when": "action.amount >", "quorum": 2}]}, {"quorum": 2, "roles": ["legal"]}]
)
def test_the_check_before_a_start_finds_it_too(tmp_path: Path, policy: dict[str, Any]) -> None:
    with_proxy(tmp_path)

    assert [problem.what for problem in find_problems(settings(tmp_path, policy)) if "Payment" in problem.what]

"""Policies that cannot be applied are refused before anything starts, with the line to write."""

from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Proxy
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure_orchestrator.check import find_problems
from perdure_orchestrator.policy_start import refuse_policies
from tests.support.people import SigningKey, approvers_file, directory

WEBHOOK = {"channels": {"desk": {"webhook": {"url": "http://127.0.0.1:1", "secret_variable": "S", "answers": True}}}}


def settings(folder: Path, policy: dict[str, Any], **more: Any) -> Settings:
    approvals = {"approvers": folder / "approvers.yaml", "policies": {"Payment": policy}}
    return Settings.model_validate({"state": folder, "approvals": approvals, **more})


def with_proxy(folder: Path) -> None:
    known = directory({"ada": SigningKey.new()})
    approvers_file(folder / "approvers.yaml", known.model_copy(update={"proxies": {"chat": Proxy()}}))


def test_a_policy_that_says_nothing_of_a_proxy_that_exists_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    with_proxy(tmp_path)

    with pytest.raises(
        SetupError, match=r"Payment needs several people .* chat may sign .* add the line `proxies: false`"
    ):
        refuse_policies(settings(tmp_path, {"quorum": 2}))
    refuse_policies(settings(tmp_path, {"quorum": 2, "proxies": True}))
    refuse_policies(settings(tmp_path, {}))


def test_a_notifier_that_will_sign_is_a_proxy_before_its_key_exists(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="notifier may sign"):
        refuse_policies(settings(tmp_path, {"veto_roles": ["legal"]}, notifier=WEBHOOK))
    refuse_policies(settings(tmp_path, {"veto_roles": ["legal"]}))


@pytest.mark.parametrize(
    "policy", [{"tighten": [{"when": "action.amount >", "quorum": 2}]}, {"quorum": 2, "roles": ["legal"]}]
)
def test_the_check_before_a_start_finds_it_too(tmp_path: Path, policy: dict[str, Any]) -> None:
    with_proxy(tmp_path)

    assert [problem.what for problem in find_problems(settings(tmp_path, policy)) if "Payment" in problem.what]


def test_an_approvers_file_that_cannot_be_read_does_not_keep_the_orchestrator_from_starting(tmp_path: Path) -> None:
    (tmp_path / "approvers.yaml").write_text("approvers: [ada]")

    refuse_policies(settings(tmp_path, {"quorum": 2}))

"""Policies that nobody can meet, and silence that nobody breaks, keep the orchestrator from starting."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.approvers import Approver, Directory, SigningKey
from perdure.config.loader import load_settings
from perdure_orchestrator.approvals_check import approval_problems
from tests.support.people import directory

KNOWN = directory({"ada": SigningKey.new()}, roles={"ada": ["chief"]})
MAILED = Directory(approvers={"ada": Approver(keys=KNOWN.approvers["ada"].keys, email="ada@example.com")})
SILENT = {"silence": "approve", "timeout": "1h"}
MAIL = {"email": {"host": "mail", "sender": "perdure@example.com"}}


def problems(known: Directory, monkeypatch: pytest.MonkeyPatch, folder: Path, **configuration: Any) -> list[str]:
    (folder / "perdure.yaml").write_text(yaml.safe_dump(configuration))
    monkeypatch.chdir(folder)
    return [str(problem) for problem in approval_problems(load_settings(), known)]


@pytest.mark.parametrize(
    ("known", "channels"),
    [
        pytest.param(KNOWN, {}, id="none"),
        pytest.param(KNOWN, {"log": {"terminal": {}}}, id="terminal"),
        pytest.param(KNOWN, {"mail": MAIL}, id="mail without addresses"),
    ],
)
def test_silence_may_not_approve_what_nobody_was_asked(
    known: Directory, channels: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (problem,) = problems(
        known, monkeypatch, tmp_path, approvals={"policies": {"Pay": SILENT}}, notifier={"channels": channels}
    )

    assert problem.startswith("perdure.yaml:")
    assert "approvals.policies.Pay: silence: approve, and no channel asks anybody" in problem


@pytest.mark.parametrize(
    ("known", "channels"),
    [
        pytest.param(KNOWN, {"chat": {"slack": {"channel": "C1"}}}, id="slack"),
        pytest.param(MAILED, {"mail": MAIL}, id="mail"),
    ],
)
def test_silence_may_approve_where_a_channel_reaches_somebody(
    known: Directory, channels: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = {"approvals": {"policies": {"Pay": SILENT}}, "notifier": {"channels": channels}}
    assert problems(known, monkeypatch, tmp_path, **configuration) == []

    rule = {"workflows": ["Pay"], "channels": ["log"]}
    elsewhere = {"channels": {**channels, "log": {"terminal": {}}}, "routing": [rule]}
    assert len(problems(known, monkeypatch, tmp_path, **configuration | {"notifier": elsewhere})) == 1

"""Policies that nobody can meet, and silence that nobody breaks, keep the orchestrator from starting."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml

from perdure.approvers import Approver, Directory, SigningKey
from perdure.bus.memory import MemoryBus
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.config.loader import load_settings
from perdure.runtime.background import background
from perdure_orchestrator.approvals_check import approval_problems, watch_approvers
from tests.support.people import approvers_file, directory

KNOWN = directory({"ada": SigningKey.new()}, roles={"ada": ["chief"]})
MAILED = Directory(approvers={"ada": Approver(keys=KNOWN.approvers["ada"].keys, email="ada@example.com")})
SILENT = {"silence": "approve", "timeout": "1h"}
MAIL = {"email": {"host": "mail", "sender": "perdure@example.com"}}


COMPILE = cel.compile


def problems(known: Directory, monkeypatch: pytest.MonkeyPatch, folder: Path, **configuration: Any) -> list[str]:
    (folder / "perdure.yaml").write_text(yaml.safe_dump(configuration))
    monkeypatch.chdir(folder)
    return [str(problem) for problem in approval_problems(load_settings(), known)]


@pytest.mark.parametrize(
    ("known", "channels"),
    [
        pytest.param(KNOWN, {}, id="none"),
        pytest.param(KNOWN, {"log": {"terminal": {}}}, id="terminal"),
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


BOSS: dict[str, Any] = {"escalate": [{"after": "30m", "people": ["boss"], "instead": True}]}


def mailed(*names: str) -> Directory:
    """Return ada, who is chief, and boss; these of them have addresses."""
    known = directory({name: SigningKey.new() for name in ("ada", "boss")}, roles={"ada": ["chief"]})
    entries = {
        name: it.model_copy(update={"email": f"{name}@example.com"} if name in names else {})
        for name, it in known.approvers.items()
    }
    return Directory(approvers=entries)


@pytest.mark.parametrize(
    ("policy", "known", "when"),
    [
        pytest.param({}, mailed(), "", id="nobody has an address"),
        pytest.param({"roles": ["chief"]}, mailed("boss"), "", id="only somebody who may not vote"),
        pytest.param({"roles": ["chief"], **BOSS}, mailed("ada"), ", after 0:30:00", id="only who may no longer vote"),
    ],
)
def test_silence_may_not_approve_what_no_mail_reached_who_may_vote(
    policy: dict[str, Any], known: Directory, when: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (problem,) = problems(
        known,
        monkeypatch,
        tmp_path,
        approvals={"policies": {"Pay": SILENT | policy}},
        notifier={"channels": {"m": MAIL}},
    )

    assert f"silence: approve{when}, and no channel asks those who may vote" in problem


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({"roles": ["chief"]}, id="no escalation"),
        pytest.param({"roles": ["chief"], "escalate": [{"after": "30m", "people": ["boss"]}]}, id="both may vote"),
        pytest.param({"roles": ["chief"], **BOSS, "timeout": "20m"}, id="it expires before"),
    ],
)
def test_silence_may_approve_where_those_who_may_vote_are_reached_at_each_stage(
    policy: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = {"approvals": {"policies": {"Pay": SILENT | policy}}, "notifier": {"channels": {"m": MAIL}}}

    assert problems(mailed("ada"), monkeypatch, tmp_path, **configuration) == []
    assert problems(mailed("ada", "boss"), monkeypatch, tmp_path, **configuration) == []


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


async def test_a_change_by_which_nobody_can_meet_a_policy_is_logged_and_so_is_a_lost_file(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "perdure.yaml").write_text(yaml.safe_dump({"approvals": {"policies": {"Pay": {"roles": ["chief"]}}}}))
    monkeypatch.chdir(tmp_path)
    file, bus = approvers_file(tmp_path / "approvers.yaml", KNOWN), MemoryBus()

    async with background(watch_approvers(RecordedApprovers(file, bus), load_settings(), every=0.01)):
        await until(lambda: len(bus.published) == 1)
        assert caplog.text == ""
        with file.changing() as (known, changed):
            nobody = known.approvers["ada"].model_copy(update={"roles": ()})
            changed.append(known.model_copy(update={"approvers": {"ada": nobody}}))
        await until(lambda: "approvals.policies.Pay: nobody has the role chief" in caplog.text)
        file.path.unlink()
        await until(lambda: "is gone" in caplog.text)

    assert len([record for record in caplog.records if "is gone" in record.message]) == 1, "once, not every time"


async def test_conditions_are_compiled_once_however_often_the_file_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiled: list[str] = []

    def counted(text: str) -> cel.Program:
        compiled.append(text)
        return COMPILE(text)

    monkeypatch.setattr(cel, "compile", counted)
    policy = {"tighten": [{"when": "action.amount > 1000", "quorum": 2}], "proxies": False}
    (tmp_path / "perdure.yaml").write_text(yaml.safe_dump({"approvals": {"policies": {"Pay": policy}}}))
    monkeypatch.chdir(tmp_path)
    file, bus = approvers_file(tmp_path / "approvers.yaml", KNOWN), MemoryBus()

    async with background(watch_approvers(RecordedApprovers(file, bus), load_settings(), every=0.001)):
        for number in range(1, 4):
            await until(lambda: len(bus.published) == number)  # noqa: B023 (awaited here)
            with file.changing() as (known, changed):
                changed.append(known.model_copy(update={"approvers": {f"ada{number}": known.approvers.popitem()[1]}}))

    assert compiled == ["action.amount > 1000"]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)

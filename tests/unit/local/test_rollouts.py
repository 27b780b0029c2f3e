"""How new code and a new configuration take over in a suite whose services are small shell programs."""

import asyncio
from pathlib import Path

import pytest

from perdure.cli.rollout_display import show_rollout
from perdure.config.loader import load_settings
from perdure.local.program_event import Ready, Restarting
from perdure.local.services import SERVICES
from perdure.local.suite import open_suite
from perdure.values.rollout import FilesLeftOut, Finished, RolloutEvent, RolloutRequest
from tests.support.programs import EventRecorder
from tests.support.unversioned import CODE, UNVERSIONED, unversioned_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return unversioned_project(tmp_path, monkeypatch)


def restarted(recorder: EventRecorder) -> set[str]:
    return {event.name for event in recorder.events if isinstance(event, Restarting)}


async def test_without_versions_new_code_takes_the_place_of_the_old(project: Path) -> None:
    recorder, settings = EventRecorder(), load_settings(state=project / "state")
    async with open_suite(settings, report=recorder.report) as suite:
        (project / "flows.py").write_text(CODE.replace("return 1", "return 2"))
        before = suite.rollouts.build
        outcome = await suite.rollouts.roll_out(RolloutRequest())
        assert isinstance(outcome, Finished), outcome
        await recorder.nth(Ready, len(SERVICES) + 1)

        assert suite.rollouts.build == outcome.build != before
        assert suite.supervisor.names == [*SERVICES]
    assert restarted(recorder) == {"orchestrator"}


async def test_without_versions_a_start_with_new_code_has_no_rollout_to_continue(project: Path) -> None:
    recorder, settings, seen = EventRecorder(), load_settings(state=project / "state"), list[RolloutEvent]()
    async with open_suite(settings, report=recorder.report) as before:
        earlier = before.rollouts.build
    (project / "flows.py").write_text(CODE.replace("return 1", "return 2"))

    async with open_suite(settings, report=recorder.report, report_rollout=seen.append) as suite:
        await asyncio.sleep(0)  # a rollout that is continued has the lock now, and is before this one
        asked = await suite.rollouts.roll_out(RolloutRequest())
        assert suite.rollouts.build != earlier

    assert seen == [asked]


async def test_people_see_which_files_a_version_has_no_copy_of(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "books.bin").write_bytes(bytes(1024 * 1024 + 1))
    recorder, settings, seen = EventRecorder(), load_settings(state=project / "state"), list[RolloutEvent]()
    async with open_suite(settings, report=recorder.report, report_rollout=seen.append) as suite:
        (project / "flows.py").write_text(CODE.replace("return 1", "return 2"))
        first = suite.rollouts.build
        outcome = await suite.rollouts.roll_out(RolloutRequest())
        assert isinstance(outcome, Finished), outcome
    for event in seen:
        show_rollout(event)

    named = [it.build for it in seen if isinstance(it, FilesLeftOut) and "books.bin" in it.why]
    assert named == [first, outcome.build]
    assert f"! version {first}: files of more than 1 MiB were not copied: books.bin." in capsys.readouterr().out


async def test_a_deploy_gives_the_other_services_the_new_configuration(project: Path) -> None:
    recorder, settings = EventRecorder(), load_settings(state=project / "state")
    async with open_suite(settings, report=recorder.report) as suite:
        (project / "perdure.yaml").write_text(f"{UNVERSIONED}ingest: {{max_payload_bytes: 1000}}\n")
        outcome = await suite.rollouts.roll_out(RolloutRequest())
        assert isinstance(outcome, Finished), outcome
        await recorder.nth(Ready, 2 * len(SERVICES))

    assert restarted(recorder) == set(SERVICES)

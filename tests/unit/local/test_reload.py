"""What ``up --reload`` makes of files that change: in a suite whose services are small shell programs."""

import asyncio
from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.problem import Problem
from perdure.config.settings import Settings
from perdure.local import check
from perdure.local.check import check_configuration
from perdure.local.reload import NotReloaded, project_changes, reload_on_change
from perdure.local.suite import open_suite
from perdure.runtime.background import background
from tests.support.programs import EventRecorder
from tests.support.unversioned import CODE, unversioned_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return unversioned_project(tmp_path, monkeypatch)


async def test_code_that_breaks_after_its_check_is_not_taken_and_the_next_change_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[NotReloaded] = []

    async def check_and_break(settings: Settings) -> list[Problem]:
        found = await check_configuration(settings)
        if not reports:
            (project / "flows.py").write_text("def run(self")
        return found

    monkeypatch.setattr(check, "check_configuration", check_and_break)
    async with open_suite(load_settings(state=project / "state"), report=EventRecorder().report) as suite:
        before = suite.rollouts.build
        async with background(reload_on_change(suite, project_changes(), report=reports.append)), asyncio.timeout(60):
            (project / "flows.py").write_text(CODE.replace("return 1", "return 3"))
            while not reports:
                await asyncio.sleep(0.05)
            assert suite.rollouts.build == before

            (project / "flows.py").write_text(CODE.replace("return 1", "return 2"))
            while suite.rollouts.build == before:
                await asyncio.sleep(0.05)

    assert (reports[0].files, "flows.py" in reports[0].why) == ("flows.py", True)

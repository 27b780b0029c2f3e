import os
from pathlib import Path

import pytest

from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.program import Program
from perdure.local.program_event import Ready
from perdure.local.programs import SuitePrograms
from perdure.local.services import SERVICES
from perdure.local.state import Endpoints, read_endpoints
from perdure.local.suite import open_suite
from perdure.local.supervisor import Supervisor
from tests.support.programs import EventRecorder, steady
from tests.support.suite_programs import suite_programs


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a suite with external servers, whose services are small shell programs."""

    def service(_: SuitePrograms, name: str) -> Program:
        return steady(tmp_path, name)

    monkeypatch.setattr(SuitePrograms, "_service", service)
    return Settings(state=tmp_path / "state", execution_engine="temporal")


def published(settings: Settings) -> Endpoints:
    endpoints = read_endpoints(settings.state)
    assert endpoints is not None
    return endpoints


def running(supervisor: Supervisor) -> dict[str, int]:
    return {name: supervisor.pid(name) for name in SERVICES}


async def test_the_process_ids_of_all_programs_are_published(settings: Settings) -> None:
    async with open_suite(settings, report=lambda _: None) as opened:
        assert published(settings) == opened.endpoints
        assert (opened.endpoints.pid, opened.endpoints.pids) == (os.getpid(), running(opened.supervisor))


async def test_the_new_process_id_of_a_restarted_program_is_published(settings: Settings) -> None:
    recorder = EventRecorder()
    async with open_suite(settings, report=recorder.report) as opened:
        before = published(settings)

        opened.supervisor.kill("ingest")
        await recorder.nth(Ready, len(SERVICES) + 1)

        assert published(settings).pids == running(opened.supervisor)
        assert published(settings).pids["ingest"] != before.pids["ingest"]


async def test_a_service_may_have_several_processes_and_each_is_published(settings: Settings) -> None:
    async with open_suite(settings, report=lambda _: None, replicas={"ingest": 3, "orchestrator": 2}) as opened:
        many = {"ingest-2", "ingest-3", "orchestrator-2"}

        assert published(settings) == opened.endpoints
        assert opened.endpoints.pids.keys() == opened.endpoints.services.keys() == {*SERVICES, *many}
        assert len(set(opened.endpoints.pids.values())) == len(set(opened.endpoints.services.values())) == 7


@pytest.mark.parametrize(
    ("replicas", "message"), [({"audit": 2}, "audit cannot run as several"), ({"ingest": 0}, "one process")]
)
async def test_impossible_replicas_are_refused(settings: Settings, replicas: dict[str, int], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        async with open_suite(settings, report=lambda _: None, replicas=replicas):
            pass


def test_each_process_of_a_service_reads_its_own_port(tmp_path: Path) -> None:
    with suite_programs(Settings(state=tmp_path, execution_engine="temporal"), "ingest", "ingest-2") as programs:
        first, second = programs.all()
        urls = programs.endpoints({}).services

    assert second.command[1:] == ["-m", "perdure_ingest"]
    assert f"http://127.0.0.1:{second.environment['PERDURE_INGEST__HTTP_PORT']}" == urls["ingest-2"] == second.where
    assert first.where != second.where

import os
from pathlib import Path

import pytest

from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local import suite
from perdure.local.program import Program
from perdure.local.state import Endpoints, State, read_endpoints
from perdure.local.suite import SERVICES, open_suite
from perdure.local.supervisor import Ready, Supervisor
from tests.support.programs import Happenings, steady


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a suite with its servers elsewhere, whose services are small programs."""

    def service(name: str, *_: object, **__: object) -> Program:
        return steady(tmp_path, name)

    monkeypatch.setattr(suite, "_service", service)
    return Settings(state=tmp_path / "state", execution_engine="temporal")


def told(settings: Settings) -> Endpoints:
    endpoints = read_endpoints(settings.state)
    assert endpoints is not None
    return endpoints


def running(supervisor: Supervisor) -> dict[str, int]:
    return {name: supervisor.pid(name) for name in SERVICES}


async def test_clients_are_told_the_process_ids_of_all_parts(settings: Settings) -> None:
    async with open_suite(settings, tell=lambda _: None) as opened:
        assert told(settings) == opened.endpoints
        assert (opened.endpoints.pid, opened.endpoints.pids) == (os.getpid(), running(opened.supervisor))


async def test_clients_are_told_the_new_process_id_of_a_part_that_was_brought_back(settings: Settings) -> None:
    happenings = Happenings()
    async with open_suite(settings, tell=happenings.tell) as opened:
        before = told(settings)

        opened.supervisor.kill("ingest")
        await happenings.nth(Ready, len(SERVICES) + 1)

        assert told(settings).pids == running(opened.supervisor)
        assert told(settings).pids["ingest"] != before.pids["ingest"]


async def test_a_service_may_be_several_processes_and_clients_are_told_of_each(settings: Settings) -> None:
    async with open_suite(settings, tell=lambda _: None, replicas={"ingest": 3, "orchestrator": 2}) as opened:
        many = {"ingest-2", "ingest-3", "orchestrator-2"}

        assert told(settings) == opened.endpoints
        assert opened.endpoints.pids.keys() == opened.endpoints.services.keys() == {*SERVICES, *many}
        assert len(set(opened.endpoints.pids.values())) == len(set(opened.endpoints.services.values())) == 7


@pytest.mark.parametrize(("replicas", "said"), [({"audit": 2}, "audit cannot be many"), ({"ingest": 0}, "one process")])
async def test_what_cannot_be_many_is_refused(settings: Settings, replicas: dict[str, int], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        async with open_suite(settings, tell=lambda _: None, replicas=replicas):
            pass


def test_each_process_of_a_service_reads_its_own_port(tmp_path: Path) -> None:
    ports = {"ingest": 8701, "ingest-2": 40_001}

    second = suite._service("ingest-2", State(tmp_path), ports, {}, embedded=False)  # noqa: SLF001

    assert second.command[1:] == ["-m", "perdure_ingest"]
    assert second.environment["PERDURE_INGEST__HTTP_PORT"] == "40001"

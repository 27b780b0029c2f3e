"""Which ports the programs of a suite get, and what happens when a stranger takes one."""

import socket
from pathlib import Path

import pytest

from perdure.builds.snapshot import Snapshot
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.local.code import Code
from perdure.local.state import State
from tests.support.ports import free_port
from tests.support.suite_programs import suite_programs


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state", execution_engine="temporal")


def configured(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"ingest": settings.ingest.model_validate({"http_port": port})})


def test_a_configured_port_is_used_at_every_start_whatever_is_remembered(settings: Settings) -> None:
    for port in (free_port(), free_port()):
        with suite_programs(configured(settings, port), "ingest") as programs:
            assert programs.endpoints({}).services == {"ingest": f"http://127.0.0.1:{port}"}


def test_a_remembered_port_is_used_again_where_none_is_configured(settings: Settings) -> None:
    port = free_port()
    for current in (configured(settings, port), settings):
        with suite_programs(current, "ingest") as programs:
            assert programs.endpoints({}).services == {"ingest": f"http://127.0.0.1:{port}"}


def test_a_configured_port_that_is_taken_is_refused_with_its_key(settings: Settings) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SetupError, match=r"requested for ingest by ingest\.http_port, is taken by another program"),
        suite_programs(configured(settings, taken.getsockname()[1]), "ingest"),
    ):
        pytest.fail("it was taken twice")


def test_a_configured_port_of_another_suite_is_refused_with_its_folder(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    theirs = Settings(state=tmp_path / "theirs", execution_engine="temporal")
    with (
        suite_programs(configured(theirs, port), "ingest"),
        pytest.raises(SetupError, match=f"belongs to the suite of {tmp_path / 'theirs'}"),
        suite_programs(configured(settings, port), "ingest"),
    ):
        pytest.fail("two suites have one port")


def test_two_suites_that_remember_the_same_ports_get_different_ones(settings: Settings, tmp_path: Path) -> None:
    theirs = Settings(state=tmp_path / "theirs", execution_engine="temporal")
    with suite_programs(theirs, "ingest", "audit") as first:
        State(settings.state).folder.mkdir()
        State(settings.state).remember_ports(State(theirs.state).remembered_ports())
        with suite_programs(settings, "ingest", "audit") as second:
            urls = [*first.endpoints({}).services.values(), *second.endpoints({}).services.values()]

    assert len(set(urls)) == 4


def test_a_service_whose_port_a_stranger_took_moves(settings: Settings) -> None:
    with suite_programs(settings, "ingest", "audit") as programs:
        before = programs.endpoints({}).services
        assert programs.moved("ingest") == []
        with socket.create_server(("127.0.0.1", int(before["ingest"].rpartition(":")[2]))):
            (moved,) = programs.moved("ingest")
        after = programs.endpoints({}).services

    assert moved.where == after["ingest"] != before["ingest"]
    assert moved.environment["PERDURE_INGEST__HTTP_PORT"] == after["ingest"].rpartition(":")[2]
    assert after["audit"] == before["audit"]


def test_a_service_with_a_configured_port_does_not_move(settings: Settings) -> None:
    port = free_port()
    with (
        suite_programs(configured(settings, port), "ingest") as programs,
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SetupError, match=rf"Port {port}, requested for ingest by ingest\.http_port"),
    ):
        programs.moved("ingest")


def test_when_nats_moves_the_services_get_its_new_address(tmp_path: Path) -> None:
    with suite_programs(Settings(state=tmp_path / "state"), "ingest") as programs:
        before = programs.endpoints({}).nats
        with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
            moved = {program.name: program for program in programs.moved("nats")}
        after = programs.endpoints({}).nats

    assert moved.keys() == {"nats", "temporal", "ingest"}
    assert moved["nats"].where == after != before
    assert moved["ingest"].environment["PERDURE_NATS__SERVERS"] == f'["{after}"]'


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1"),  # noqa: S104 (nothing is bound)
        ("::", "http://[::1]"),
        ("127.0.0.2", "http://127.0.0.2"),
    ],
)
def test_a_service_is_reached_on_the_interface_that_it_listens_on(settings: Settings, host: str, url: str) -> None:
    ingest = settings.ingest.model_copy(update={"http_host": host})
    with suite_programs(settings.model_copy(update={"ingest": ingest}), "ingest") as programs:
        assert programs.endpoints({}).services["ingest"].startswith(f"{url}:")


def test_an_orchestrator_has_time_to_end_its_steps_before_it_is_killed(settings: Settings, tmp_path: Path) -> None:
    configuration = tmp_path / "perdure.yaml"
    configuration.write_text("orchestrator: {graceful_shutdown_seconds: 90}\n")
    with suite_programs(settings, "orchestrator", "ingest") as programs:
        as_configured = programs.program("orchestrator").stopped_within
        programs.code["orchestrator"] = Code.of(Snapshot("b1", tmp_path), configuration)

        assert as_configured > settings.orchestrator.graceful_shutdown_seconds
        assert programs.program("orchestrator").stopped_within > 90
        assert programs.program("ingest").stopped_within < 90

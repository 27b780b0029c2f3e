from pathlib import Path

import pytest

from perdure.bus.permissions import ROLES
from perdure.config.settings import Settings
from perdure.errors import SetupError, Unavailable
from perdure.local.discovery import discover
from perdure.local.nkeys import ensure_nkeys, seed_file
from perdure.local.servers import nats_program
from perdure.local.state import State
from tests.support.secret_file import write_secret
from tests.support.state_holder import another_suite
from tests.support.suite_programs import suite_programs

PORTS = {"nats": 4222, "nats_monitor": 8222}


def test_seeds_are_created_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    first = ensure_nkeys(tmp_path / "nkeys", ["ingest", "audit"])

    assert ensure_nkeys(tmp_path / "nkeys", ["ingest", "audit"]) == first
    assert len(set(first.values())) == 2
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "nkeys").iterdir()} == {0o600}
    assert (tmp_path / "nkeys").stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_no_seed_is_refused(tmp_path: Path) -> None:
    write_secret(seed_file(tmp_path, "ingest"), "SUNONSENSE")

    with pytest.raises(SetupError, match="is not an nkey seed"):
        ensure_nkeys(tmp_path, ["ingest"])


def test_an_unreadable_seed_is_refused(tmp_path: Path) -> None:
    seed_file(tmp_path, "ingest").mkdir()

    with pytest.raises(SetupError, match="cannot be read"):
        ensure_nkeys(tmp_path, ["ingest"])


async def configure(folder: Path, nkeys: dict[str, str] | None = None) -> None:
    first = nats_program(folder, PORTS, nkeys).first
    assert first is not None
    await first()


async def test_streams_of_an_older_perdure_move_to_the_account_of_the_services(tmp_path: Path) -> None:
    (tmp_path / "nats/jetstream/$G/streams/EVENTS").mkdir(parents=True)

    await configure(tmp_path)
    assert (tmp_path / "nats/jetstream/$G/streams/EVENTS").exists()
    for _ in range(2):
        await configure(tmp_path, dict.fromkeys(ROLES, "U"))
        assert (tmp_path / "nats/jetstream/PERDURE/streams/EVENTS").exists()


def test_each_process_of_a_service_has_the_seed_of_its_service(tmp_path: Path) -> None:
    with suite_programs(Settings(state=tmp_path), "ingest", "ingest-2") as programs:
        seeds = {it.name: it.environment.get("PERDURE_NATS__NKEY_SEED_FILE") for it in programs.all()}

    seed = str(State(tmp_path).seed("ingest"))
    assert seeds == {"nats": None, "temporal": None, "ingest": seed, "ingest-2": seed}


def test_tls_of_a_server_of_ones_own_is_not_demanded_of_the_embedded_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state": tmp_path, "nats": {"tls": {"ca_file": "ca.pem"}}})

    with suite_programs(settings, "ingest") as programs:
        (ingest,) = (it for it in programs.all() if it.name == "ingest")
    with another_suite(tmp_path):
        found, _ = discover(settings)

    assert ingest.environment["PERDURE_NATS__TLS"] == "null"
    assert found.tls is None


def test_no_seed_of_the_operator_lies_in_the_state_folder_and_that_of_0_1_is_moved(tmp_path: Path) -> None:
    state = State(tmp_path / ".perdure")
    earlier = ensure_nkeys(state.nkeys, ["operator", "ingest"])

    known = state.ensure_seeds(["operator", "ingest", "bot"])

    assert {role: known[role] for role in earlier} == earlier
    assert state.ensure_seeds(["operator", "ingest", "bot"]) == known
    assert not list(tmp_path.rglob("operator.nk"))
    assert state.seed("operator").stat().st_mode & 0o777 == 0o600


def test_the_command_line_connects_to_a_running_suite_as_its_operator(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)

    with another_suite(tmp_path):
        assert discover(settings)[0].nkey_seed_file == State(tmp_path).seed("operator")


def test_without_a_suite_the_command_line_uses_only_a_server_that_the_user_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="No suite runs on"):
        discover(Settings(state=tmp_path))
    monkeypatch.setenv("PERDURE_NATS__SERVERS", '["nats://127.0.0.1:4222"]')

    assert discover(Settings(state=tmp_path))[0].servers == ("nats://127.0.0.1:4222",)

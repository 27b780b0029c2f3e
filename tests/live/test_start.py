"""``perdure up`` in odd places: taken ports, strange paths, changed code, no suite at all."""

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from perdure.local.state import Endpoints, read_endpoints
from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide, next_event, running, waiting_request
from tests.support.ports import free_port, give_ports

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLES / "greeting", tmp_path / "what now?" / "100% #1 ✓")


def configure(folder: Path, **sections: Any) -> None:
    with (folder / "perdure.yaml").open("a") as file:
        file.write(f"\n{yaml.safe_dump(sections)}")


def endpoints(folder: Path) -> Endpoints:
    found = read_endpoints(folder / ".perdure")
    assert found is not None
    return found


def take_port_of(folder: Path, name: str, port: int) -> socket.socket:
    """Kill a program and listen on its port before it can."""
    os.kill(endpoints(folder).pids[name], signal.SIGKILL)
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue


def test_a_suite_runs_in_a_folder_of_any_name_and_is_found_from_its_sub_folders(folder: Path) -> None:
    deep = folder / "src" / "deep"
    deep.mkdir(parents=True)
    with running(folder):
        assert perdure(deep, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada").returncode == 0
        printed(decide(deep, "approve", waiting_request(deep), "--json"))

        assert json.loads(perdure(deep, "result", "Greeting~ada", "--wait").stdout) == "Hello, Ada!"
        doctor = [binary("perdure"), "doctor"]  # a process of its own: Python reads the variable at its start
        plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
        checked = subprocess.run(doctor, cwd=deep, env=plain, check=False, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
        assert "ok nats" in checked.stdout

    state = folder / ".perdure"
    assert (state / "audit" / "audit.db").stat().st_size
    assert (state / "temporal" / "temporal.db").stat().st_size
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]
    assert [file.name for file in folder.parents[1].iterdir()] == ["what now?"]


def test_servers_and_services_whose_port_a_stranger_takes_move_to_another(folder: Path) -> None:
    with running(folder) as up:
        before = endpoints(folder)
        with (
            take_port_of(folder, "ingest", int(before.services["ingest"].rpartition(":")[2])),
            take_port_of(folder, "nats", int(before.nats.rpartition(":")[2])),
        ):
            next_event(up, lambda event: (event["event"], event.get("name")) == ("ready", "nats"))
            for _ in range(300):
                checked = perdure(folder, "doctor")
                if checked.returncode == 0:
                    break
            assert checked.returncode == 0, checked.stdout
            after = endpoints(folder)
            assert perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada").returncode == 0
            assert waiting_request(folder)

    assert (after.nats != before.nats, after.services["ingest"] != before.services["ingest"]) == (True, True)


def test_a_configured_port_is_honoured_at_each_start_and_refused_with_its_key_if_it_is_taken(folder: Path) -> None:
    port = free_port()
    give_ports(folder / ".perdure")
    configure(folder, ingest={"http_port": port})
    with running(folder):
        assert endpoints(folder).services["ingest"] == f"http://127.0.0.1:{port}"

    with socket.create_server(("127.0.0.1", port)):
        refused = perdure(folder, "up")

    assert refused.returncode == 1
    assert f"Port {port}, requested for ingest by ingest.http_port, is taken by another program" in refused.stderr


def test_changed_code_is_reloaded_and_broken_code_is_reported_while_the_old_runs_on(folder: Path) -> None:
    module, configuration = folder / "greetings.py", folder / "perdure.yaml"
    good = module.read_text()
    with running(folder, "--reload") as up:
        pids = endpoints(folder).pids
        module.write_text(f"{good}\nbroken = (\n")
        refused = next_event(up, lambda event: event["event"] == "notreloaded")
        assert (refused["files"], endpoints(folder).pids) == ("greetings.py", pids)
        assert "greetings.py" in refused["why"]
        assert "line" in refused["why"] or "greetings.py:" in refused["why"]

        module.write_text(good.replace("Hello", "Good morning"))
        rolled_out = next_event(up, lambda event: event["event"] == "finished")
        assert (rolled_out["moved"], rolled_out["stays"]) == (0, 0)
        assert perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada").returncode == 0
        decide(folder, "approve", waiting_request(folder))
        assert json.loads(perdure(folder, "result", "Greeting~ada", "--wait").stdout) == "Good morning, Ada!"

        configuration.write_text("natz: {}")
        refused = next_event(up, lambda event: event["event"] == "notreloaded")
        assert "perdure.yaml:1" in refused["why"]
        os.kill(endpoints(folder).pids["ingest"], signal.SIGKILL)
        died = next_event(up, lambda event: event["event"] in {"died", "ready"})
        back = next_event(up, lambda event: event["event"] in {"died", "ready"})
        assert [(event["event"], event["name"]) for event in (died, back)] == [("died", "ingest"), ("ready", "ingest")]


@pytest.mark.parametrize("command", [["runs", "list"], ["watch"], ["publish", "people.arrived"], ["dlq", "list"]])
def test_without_a_suite_a_command_says_so_in_one_sentence(tmp_path: Path, command: list[str]) -> None:
    refused = perdure(tmp_path, *command)

    assert refused.returncode == 75
    assert refused.stderr.startswith("perdure: No suite runs in this folder (looked for .perdure in")
    assert len(refused.stderr.splitlines()) == 1


def test_where_nothing_listens_a_command_says_only_that(tmp_path: Path) -> None:
    server = f"nats://127.0.0.1:{free_port()}"

    refused = perdure(tmp_path, "runs", "list", environment={"PERDURE_NATS__SERVERS": json.dumps([server])})

    assert refused.returncode == 75
    assert refused.stderr == f"perdure: No NATS server answers at {server}. Start one with `perdure up`.\n"


@pytest.mark.parametrize("make", ["touch .perdure", "mkdir .perdure && touch .perdure/logs"])
def test_a_state_folder_that_cannot_be_used_is_reported_in_a_sentence(folder: Path, make: str) -> None:
    os.system(f"cd '{folder}' && {make}")  # noqa: S605 (a path of our own)

    refused = perdure(folder, "up")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"perdure: The state folder {folder / '.perdure'} cannot be used")
    assert "Traceback" not in refused.stderr

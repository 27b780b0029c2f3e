"""The configuration of nats-server and Temporal: as of the embedded servers."""

import json
import re
from pathlib import Path

import pytest

from perdure.bus.accounts import key_variable
from perdure.bus.permissions import ROLES
from perdure.local.nkeys import ensure_nkeys
from perdure.local.servers import nats_program, temporal_program
from tests.support.deploy_files import DEPLOY, compose, read, run, volumes_of


def test_nats_server_accepts_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role, nkey in ensure_nkeys(tmp_path, ROLES).items():
        monkeypatch.setenv(key_variable(role), nkey)

    run("nats-server", "-c", DEPLOY / "nats/nats.conf", "-t")


def test_nats_stores_on_its_volume_and_compose_checks_its_monitoring_port() -> None:
    nats = compose()["services"]["nats"]
    configuration = (DEPLOY / "nats/nats.conf").read_text()
    (folder,) = re.findall(r"store_dir: (\S+)", configuration)
    (monitor,) = re.findall(r"^http: 0\.0\.0\.0:(\d+)", configuration, re.MULTILINE)

    assert volumes_of(nats)[folder] == "nats"
    assert f"http://127.0.0.1:{monitor}/healthz" in nats["healthcheck"]["test"][-1]


async def test_the_servers_have_the_settings_of_the_embedded_ones(tmp_path: Path) -> None:
    ports = dict.fromkeys(("nats", "nats_monitor", *(f"temporal{it}" for it in ("", "_ui", "_http", "_metrics"))), 1)
    configure = nats_program(tmp_path, ports).first
    assert configure is not None
    await configure()
    (payload,) = re.findall(r"max_payload: (\d+)", (tmp_path / "nats/nats.conf").read_text())
    command = temporal_program(tmp_path, ports, "default").command
    embedded = {command[place + 1] for place, word in enumerate(command) if word == "--dynamic-config-value"}
    dynamic = read(DEPLOY / "temporal/dynamic.yaml")

    assert f"max_payload: {int(payload) // 1024**2}MB" in (DEPLOY / "nats/nats.conf").read_text()
    assert {f"{key}={json.dumps(constrained['value'])}" for key, (constrained,) in dynamic.items()} == embedded

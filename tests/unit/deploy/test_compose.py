"""The compose file."""

import asyncio
import re
import socket
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from perdure.config.settings import ServiceSettings
from perdure.local.services import CONSOLE, SERVICES
from perdure.runtime.endpoints import Health, endpoints
from tests.support.deploy_files import COMPOSE, DEPLOY, PORTS, ROOT, compose, loaded, read, run, service_of, volumes_of


def test_the_compose_file_fits_the_compose_specification() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_every_mounted_file_and_volume_exists() -> None:
    sources = {source for service in compose()["services"].values() for source in volumes_of(service).values()}
    files = {source for source in sources if source.startswith(".")}

    assert sources - files == set(compose()["volumes"])
    assert all((ROOT / file).exists() for file in files)


def test_every_dependency_in_compose_has_what_its_condition_needs() -> None:
    needs = {
        "service_healthy": "healthcheck",
        "service_completed_successfully": "entrypoint",
        "service_started": "image",
    }

    for service in compose()["services"].values():
        for other, wait in service.get("depends_on", {}).items():
            assert needs[wait["condition"]] in compose()["services"][other]


def test_compose_publishes_nothing_beyond_the_loopback_interface() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_holds_passwords_only_as_defaults_for_development() -> None:
    variables = {
        name: value
        for service in compose()["services"].values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name or "PWD" in name
    }

    assert variables
    assert all(re.fullmatch(r"\$\{[A-Z]+_PASSWORD:-\w+}", value) for value in variables.values())


@pytest.mark.parametrize("name", [*SERVICES, CONSOLE])
def test_each_service_runs_in_compose_on_its_own_port(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = compose()["services"][name]
    settings = loaded(service["environment"], DEPLOY / "perdure.yaml", monkeypatch)
    own: ServiceSettings = getattr(settings, name)

    assert service_of(service["command"]) == name
    assert service["ports"] == [f"127.0.0.1:{PORTS[name]}:{own.http_port}"]
    assert own.http_host == "0.0.0.0"  # noqa: S104 (inside a container)
    assert f"127.0.0.1:{own.http_port}/readyz" in service["healthcheck"]["test"][-1]
    assert volumes_of(service)[service["environment"]["PERDURE_CONFIG"]] == "./deploy/perdure.yaml"
    assert str(settings.state) in volumes_of(service)


def test_the_services_of_compose_find_its_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = compose()["services"]["orchestrator"]["environment"]
    settings = loaded(environment, DEPLOY / "perdure.yaml", monkeypatch)
    (nats,) = settings.nats.servers
    host, port = nats.removeprefix("nats://").split(":")
    collector = environment["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://").split(":")

    assert settings.execution_engine == "temporal"
    assert f"127.0.0.1:{port}:{port}" in compose()["services"][host]["ports"]
    assert f"127.0.0.1:{settings.temporal.port}:7233" in compose()["services"][settings.temporal.host]["ports"]
    assert f"--namespace {settings.temporal.namespace} " in compose()["services"]["temporal-namespace"]["command"][0]
    assert collector[0] in compose()["services"]
    assert read(DEPLOY / "otel/collector.yaml")["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(
        collector[1]
    )


def test_the_record_has_a_volume_of_its_own() -> None:
    state = {name: volumes_of(compose()["services"][name])["/var/lib/perdure"] for name in SERVICES}

    assert [name for name in SERVICES if state[name] == state["audit"]] == ["audit"]


def test_no_two_services_can_write_one_volume_and_none_can_write_the_approvers_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writers = defaultdict[str, set[str]](set)
    readers = defaultdict[str, set[str]](set)
    for name in SERVICES:
        for mount in compose()["services"][name]["volumes"]:
            source, target, *mode = mount.split(":")
            (readers if mode == ["ro"] else writers)[source].add(name)
            if source == "approvers":
                assert loaded(
                    compose()["services"][name]["environment"], DEPLOY / "perdure.yaml", monkeypatch
                ).approvers_file.parent == Path(target)

    assert {source: names for source, names in writers.items() if len(names) > 1} == {}
    assert (writers["approvers"], readers["approvers"]) == (set(), {"orchestrator", "notifier"})
    assert "approvers:/var/lib/approvers" in compose()["services"]["operator"]["volumes"]


async def test_the_healthcheck_fails_until_the_service_is_ready() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    *_, code = compose()["services"]["ingest"]["healthcheck"]["test"]
    health = Health("ingest")

    async with endpoints(ServiceSettings(http_port=port), health):
        before = await exit_code(code.replace(str(PORTS["ingest"]), str(port)))
        health.open = True
        after = await exit_code(code.replace(str(PORTS["ingest"]), str(port)))

    assert (before, after) == (1, 0)


async def exit_code(code: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()

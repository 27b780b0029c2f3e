"""What operators are given is read here as the programs that it is made for would read it."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from perdure.bus.hearing import _Metrics
from perdure.configuration import load_settings
from perdure.endpoints import Health, endpoints
from perdure.errors import SetupError
from perdure.local.servers import nats_program, temporal_program
from perdure.local.suite import SERVICES
from perdure.settings import PREFIX, ServiceSettings, Settings, StdioServer
from perdure_ingest.rules import compile_rules
from perdure_orchestrator.app import Role
from perdure_orchestrator.registry import load_registry
from tests.binaries import binary

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
COMPOSE: Final = ROOT / "docker-compose.yml"
CONFIGURATIONS: Final = (DEPLOY / "perdure.yaml", KUBERNETES / "perdure.yaml")
PORTS: Final = {name: getattr(Settings.model_construct(), name).http_port for name in SERVICES}


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@cache
def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def compose() -> Any:
    return read(COMPOSE)


@cache
def manifests() -> tuple[Any, ...]:
    files = read(KUBERNETES / "kustomization.yaml")["resources"]
    return tuple(manifest for file in files for manifest in yaml.safe_load_all((KUBERNETES / file).read_text()))


def workloads() -> Iterator[tuple[Any, Any, Any]]:
    """Give each workload, its pod and its one container."""
    for manifest in manifests():
        if "template" in manifest["spec"]:
            pod = manifest["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield manifest, pod, container


def generated(name: str) -> dict[str, str]:
    """Give the literals of a config map that kustomize makes."""
    for config_map in read(KUBERNETES / "kustomization.yaml")["configMapGenerator"]:
        if config_map["name"] == name:
            return dict(literal.split("=", 1) for literal in config_map["literals"])
    raise AssertionError(name)


def loaded(environment: dict[str, str], file: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Load the settings as a container would that has this file where ``PERDURE_CONFIG`` says."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PERDURE_CONFIG", str(file))
    return load_settings()


def service_of(command: list[str]) -> str:
    """Tell which service a container's command starts, and prove that it could."""
    python, flag, module, *arguments = command
    assert (python, flag) == ("python", "-m")
    assert find_spec(f"{module}.__main__") is not None
    assert arguments in [[], *(["--role", role] for role in get_args(Role))]
    return module.removeprefix("perdure_")


def run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([binary(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def volumes_of(service: Any) -> dict[str, str]:
    """Give what is mounted into a service of compose, by where it is mounted."""
    mounts = [mount.split(":") for mount in service.get("volumes", ())]
    return {mount[1]: mount[0] for mount in mounts}


def test_the_compose_file_fits_the_compose_specification() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_every_file_and_volume_that_compose_mounts_is_there() -> None:
    sources = {source for service in compose()["services"].values() for source in volumes_of(service).values()}
    files = {source for source in sources if source.startswith(".")}

    assert sources - files == set(compose()["volumes"])
    assert all((ROOT / file).exists() for file in files)


def test_whom_a_service_of_compose_waits_for_can_tell_when_it_is_ready() -> None:
    tells = {
        "service_healthy": "healthcheck",
        "service_completed_successfully": "entrypoint",
        "service_started": "image",
    }

    for service in compose()["services"].values():
        for other, wait in service.get("depends_on", {}).items():
            assert tells[wait["condition"]] in compose()["services"][other]


def test_compose_publishes_nothing_beyond_the_loopback_interface() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_password_stands_in_compose_but_as_a_default_for_development() -> None:
    variables = {
        name: value
        for service in compose()["services"].values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name or "PWD" in name
    }

    assert variables
    assert all(re.fullmatch(r"\$\{[A-Z]+_PASSWORD:-\w+}", value) for value in variables.values())


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_runs_in_compose_on_its_own_port(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = compose()["services"][name]
    settings = loaded(service["environment"], DEPLOY / "perdure.yaml", monkeypatch)
    own: ServiceSettings = getattr(settings, name)

    assert service_of(service["command"]) == name
    assert service["ports"] == [f"127.0.0.1:{PORTS[name]}:{own.http_port}"]
    assert own.http_host == "0.0.0.0"  # noqa: S104 (a container's)
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


async def test_the_healthcheck_fails_until_the_service_is_ready() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    *_, code = compose()["services"]["ingest"]["healthcheck"]["test"]
    health = Health()

    async with endpoints(ServiceSettings(http_port=port), health, CollectorRegistry()):
        before = await exit_code(code.replace(str(PORTS["ingest"]), str(port)))
        health.open = True
        after = await exit_code(code.replace(str(PORTS["ingest"]), str(port)))

    assert (before, after) == (1, 0)


async def exit_code(code: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_route_starts_a_workflow_that_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded({}, file, monkeypatch)

    assert compile_rules(settings.routes)
    assert {route.start for route in settings.routes} <= set(load_registry(settings.workflows).workflows)


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_filesystem_server_serves_the_folder_of_documents(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = loaded({}, file, monkeypatch).mcp.servers["filesystem"]
    assert isinstance(server, StdioServer)
    flag, module, folder = server.args
    workers = [container for _, _, container in workloads() if container["name"] == "worker"]

    assert (server.command, flag) == ("python", "-m")
    assert find_spec(module) is not None
    assert volumes_of(compose()["services"]["orchestrator"])[folder] == "documents"
    assert [mount["mountPath"] for mount in workers[0]["volumeMounts"] if mount["name"] == "documents"] == [folder]


def test_nats_server_accepts_its_configuration() -> None:
    run("nats-server", "-c", DEPLOY / "nats/nats.conf", "-t")


def test_what_nats_stores_lies_on_its_volume_and_its_health_is_asked_where_it_is_told() -> None:
    nats = compose()["services"]["nats"]
    configuration = (DEPLOY / "nats/nats.conf").read_text()
    (folder,) = re.findall(r"store_dir: (\S+)", configuration)
    (monitor,) = re.findall(r"^http: 0\.0\.0\.0:(\d+)", configuration, re.MULTILINE)

    assert volumes_of(nats)[folder] == "nats"
    assert f"http://127.0.0.1:{monitor}/healthz" in nats["healthcheck"]["test"][-1]


def test_the_servers_are_tuned_as_the_embedded_ones(tmp_path: Path) -> None:
    ports = dict.fromkeys(("nats", "nats_monitor", *(f"temporal{it}" for it in ("", "_ui", "_http", "_metrics"))), 1)
    nats_program(tmp_path, ports)
    (payload,) = re.findall(r"max_payload: (\d+)", (tmp_path / "nats/nats.conf").read_text())
    command = temporal_program(tmp_path, ports, "default").command
    tuned = {command[place + 1] for place, word in enumerate(command) if word == "--dynamic-config-value"}
    dynamic = read(DEPLOY / "temporal/dynamic.yaml")

    assert f"max_payload: {int(payload) // 1024**2}MB" in (DEPLOY / "nats/nats.conf").read_text()
    assert {f"{key}={constrained['value']}" for key, (constrained,) in dynamic.items()} == tuned


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    run("hadolint", "--no-color", DEPLOY / "Dockerfile")


def test_the_image_holds_every_service_and_nothing_that_is_not_declared() -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert set(SERVICES) <= set(extras.split(",")) <= set(declared)


def test_the_image_is_built_from_files_that_reach_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_serves_the_services_ports() -> None:
    (exposed,) = re.findall(r"^EXPOSE (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert set(map(int, exposed.split())) == set(PORTS.values())


def test_every_pipeline_of_the_collector_is_made_of_declared_parts() -> None:
    collector = read(DEPLOY / "otel/collector.yaml")

    for pipeline in collector["service"]["pipelines"].values():
        for kind, parts in pipeline.items():
            assert set(parts) <= set(collector[kind])


def test_prometheus_and_the_collector_scrape_every_service_of_compose() -> None:
    services = {f"{name}:{PORTS[name]}" for name in SERVICES}

    assert targets(read(DEPLOY / "prometheus/prometheus.yml")) == services
    assert targets(read(DEPLOY / "otel/collector.yaml")["receivers"]["prometheus"]["config"]) == services


def targets(configuration: Any) -> set[str]:
    configs = [config for job in configuration["scrape_configs"] for config in job["static_configs"]]
    return {target for config in configs for target in config["targets"]}


def test_the_dashboard_asks_for_what_the_services_measure() -> None:
    registry = CollectorRegistry()
    metrics = _Metrics(registry)
    for metric in (metrics.handled, metrics.seconds, metrics.pending):
        metric.labels("EVENTS")
    exposed = set(re.findall(r"^(perdure_\w+)\{", generate_latest(registry).decode(), re.MULTILINE))
    panels = json.loads((DEPLOY / "grafana/dashboards/perdure.json").read_text())["panels"]
    (source,) = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])

    assert set(re.findall(r"perdure_\w+", asked)) <= exposed
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_kubernetes_accepts_every_manifest() -> None:
    files = [KUBERNETES / file for file in read(KUBERNETES / "kustomization.yaml")["resources"]]

    run("kubernetes-validate", "--strict", *files)


def test_every_manifest_belongs_to_the_base() -> None:
    kustomization = read(KUBERNETES / "kustomization.yaml")
    named = {*kustomization["resources"], "kustomization.yaml"}
    named |= {file for config_map in kustomization["configMapGenerator"] for file in config_map.get("files", ())}

    assert {path.name for path in KUBERNETES.iterdir()} == named


def test_the_base_names_the_image_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert read(KUBERNETES / "kustomization.yaml")["images"] == [{"name": "perdure", "newTag": version}]
    assert {container["image"] for _, _, container in workloads()} == {"perdure"}


def test_every_selector_finds_its_pods() -> None:
    pods = [manifest["spec"]["template"]["metadata"]["labels"].items() for manifest, _, _ in workloads()]

    for manifest, _, _ in workloads():
        assert [labels for labels in pods if manifest["spec"]["selector"]["matchLabels"].items() <= labels] == [
            manifest["spec"]["template"]["metadata"]["labels"].items()
        ]
    for service in [manifest for manifest in manifests() if manifest["kind"] == "Service"]:
        assert any(service["spec"]["selector"].items() <= labels for labels in pods)


def test_kubernetes_runs_each_service_and_the_orchestrator_in_two_roles() -> None:
    commands = [container["command"] for _, _, container in workloads()]

    assert {service_of(command) for command in commands} == set(SERVICES)
    assert sorted(command[-1] for command in commands if "--role" in command) == ["bridge", "worker"]
    assert {
        manifest["metadata"]["name"]: manifest["spec"]["ports"][0]["port"]
        for manifest in manifests()
        if manifest["kind"] == "Service"
    } == {f"perdure-{name}": port for name, port in PORTS.items()}


@pytest.mark.parametrize("name", [container["name"] for _, _, container in workloads()])
def test_each_pod_reads_its_configuration_and_answers_its_probes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pod, container = next((pod, container) for _, pod, container in workloads() if container["name"] == name)
    environment = generated("perdure-environment") | {it["name"]: it["value"] for it in container["env"]}
    settings = loaded(environment, KUBERNETES / "perdure.yaml", monkeypatch)
    own: ServiceSettings = getattr(settings, service_of(container["command"]))
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}

    assert settings.execution_engine == "temporal"
    assert own.http_host == "0.0.0.0"  # noqa: S104 (a pod's)
    assert container["ports"] == [{"name": "http", "containerPort": own.http_port}]
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert environment["PERDURE_CONFIG"] == f"{mounts['config']}/perdure.yaml"
    assert str(settings.state) == mounts["state"]
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_every_volume_that_a_pod_mounts_is_declared() -> None:
    claims = {manifest["metadata"]["name"] for manifest in manifests() if manifest["kind"] == "PersistentVolumeClaim"}
    config_maps = {it["name"] for it in read(KUBERNETES / "kustomization.yaml")["configMapGenerator"]}

    for manifest, pod, container in workloads():
        templates = {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", ())}
        assert {it["name"] for it in container["volumeMounts"]} == {it["name"] for it in pod["volumes"]} | templates
        for volume in pod["volumes"]:
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
            assert volume.get("configMap", {}).get("name") in {None, *config_maps}


def test_the_user_of_the_pods_is_that_of_the_image() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert {pod["securityContext"]["runAsUser"] for _, pod, _ in workloads()} == {int(user)}


def test_no_pod_gets_the_service_links_that_perdure_would_take_for_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_INGEST_SERVICE_HOST", "10.0.0.1")

    with pytest.raises(SetupError, match="PERDURE_INGEST_SERVICE_HOST is unknown"):
        load_settings()
    assert {pod["enableServiceLinks"] for _, pod, _ in workloads()} == {False}

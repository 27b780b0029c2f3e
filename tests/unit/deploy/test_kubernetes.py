"""The Kubernetes base."""

import re
import tomllib

import pytest

from perdure.approvers import ApproversFile, Directory
from perdure.config.loader import load_settings
from perdure.config.settings import OrchestratorSettings, ServiceSettings
from perdure.errors import SetupError
from perdure.local.services import SERVICES
from tests.support.deploy_files import (
    DEPLOY,
    KUBERNETES,
    PORTS,
    ROOT,
    generated,
    loaded,
    manifests,
    read,
    run,
    service_of,
    workloads,
)


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


def test_no_two_releases_of_ingest_run_at_once() -> None:
    (ingest,) = [manifest for manifest, _, _ in workloads() if manifest["metadata"]["name"] == "perdure-ingest"]

    assert ingest["spec"]["strategy"] == {"type": "Recreate"}


def test_workers_of_several_versions_run_beside_each_other() -> None:
    (worker,) = [pod for manifest, pod, _ in workloads() if manifest["metadata"]["name"] == "perdure-worker"]
    (strategy,) = [it["spec"]["strategy"] for it, _, _ in workloads() if it["metadata"]["name"] == "perdure-worker"]
    (affinity,) = worker["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert strategy == {"rollingUpdate": {"maxUnavailable": 0}}
    assert affinity["topologyKey"] == "kubernetes.io/hostname"  # as only one node can have their volume
    assert worker["terminationGracePeriodSeconds"] > OrchestratorSettings().graceful_shutdown_seconds


def test_kubernetes_runs_each_service_and_the_orchestrator_in_two_roles() -> None:
    commands = [container["command"] for _, _, container in workloads()]

    assert {service_of(command) for command in commands} == set(SERVICES)
    assert sorted(command[-1] for command in commands if "--role" in command) == ["bridge", "worker"]
    assert {
        manifest["metadata"]["name"]: manifest["spec"]["ports"][0]["port"]
        for manifest in manifests()
        if manifest["kind"] == "Service"
    } == {f"perdure-{name}": PORTS[name] for name in SERVICES}


@pytest.mark.parametrize("name", [container["name"] for _, _, container in workloads()])
def test_each_pod_reads_its_configuration_and_answers_its_probes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pod, container = next((pod, container) for _, pod, container in workloads() if container["name"] == name)
    environment = generated("perdure-environment") | {it["name"]: it["value"] for it in container["env"]}
    settings = loaded(environment, KUBERNETES / "perdure.yaml", monkeypatch)
    own: ServiceSettings = getattr(settings, service_of(container["command"]))
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}

    assert settings.execution_engine == "temporal"
    assert own.http_host == "0.0.0.0"  # noqa: S104 (inside a pod)
    assert container["ports"] == [{"name": "http", "containerPort": own.http_port}]
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert environment["PERDURE_CONFIG"] == f"{mounts['config']}/perdure.yaml"
    assert str(settings.state) == mounts["state"]
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_pods_that_judge_or_notify_approvers_read_a_file_that_they_cannot_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = loaded({}, KUBERNETES / "perdure.yaml", monkeypatch).approvers_file
    mounts = {
        container["name"]: mount
        for _, _, container in workloads()
        for mount in container["volumeMounts"]
        if mount["name"] == "approvers"
    }

    assert set(mounts) == {"bridge", "worker", "notifier"}
    assert {(mount["mountPath"], mount["readOnly"]) for mount in mounts.values()} == {(str(file.parent), True)}
    assert ApproversFile(KUBERNETES / file.name).current() == Directory()


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


def test_no_pod_has_service_links_which_perdure_would_read_as_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_INGEST_SERVICE_HOST", "10.0.0.1")

    with pytest.raises(SetupError, match="PERDURE_INGEST_SERVICE_HOST is unknown"):
        load_settings()
    assert {pod["enableServiceLinks"] for _, pod, _ in workloads()} == {False}

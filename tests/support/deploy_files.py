"""The deployment files, read as the programs that use them read them."""

import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml

from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.local.services import CONSOLE, SERVICES
from perdure_orchestrator.app import Role
from tests.support.binaries import binary

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
COMPOSE: Final = ROOT / "docker-compose.yml"
CONFIGURATIONS: Final = (DEPLOY / "perdure.yaml", KUBERNETES / "perdure.yaml")
PORTS: Final = {name: getattr(Settings.model_construct(), name).http_port for name in (*SERVICES, CONSOLE)}


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
    """Yield each workload, its pod and its only container."""
    for manifest in manifests():
        if "template" in manifest["spec"]:
            pod = manifest["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield manifest, pod, container


def generated(name: str) -> dict[str, str]:
    """Return the literals of a config map that kustomize generates."""
    for config_map in read(KUBERNETES / "kustomization.yaml")["configMapGenerator"]:
        if config_map["name"] == name:
            return dict(literal.split("=", 1) for literal in config_map["literals"])
    raise AssertionError(name)


def loaded(environment: dict[str, str], file: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Load the settings as a container does with this environment and this configuration file."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PERDURE_CONFIG", str(file))
    return load_settings()


def service_of(command: list[str]) -> str:
    """Return the service that a container's command starts, after checking that the command is valid."""
    python, flag, module, *arguments = command
    assert (python, flag) == ("python", "-m")
    assert find_spec(f"{module}.__main__") is not None
    assert arguments in [[], *(["--role", role] for role in get_args(Role))]
    return module.removeprefix("perdure_")


def run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([binary(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def volumes_of(service: Any) -> dict[str, str]:
    """Return the source of each mount of a compose service, by its target."""
    mounts = [mount.split(":") for mount in service.get("volumes", ())]
    return {mount[1]: mount[0] for mount in mounts}

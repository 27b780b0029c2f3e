"""The one image of the four services."""

import re
import tomllib
from pathlib import Path

from perdure.local.services import SERVICES
from tests.support.deploy_files import DEPLOY, PORTS, ROOT, run


def test_hadolint_accepts_the_dockerfile() -> None:
    run("hadolint", "--no-color", DEPLOY / "Dockerfile")


def test_the_image_installs_every_service_and_only_declared_extras() -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert set(SERVICES) <= set(extras.split(",")) <= set(declared)


def test_dockerignore_lets_through_exactly_the_files_that_are_copied() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_serves_the_services_ports() -> None:
    (exposed,) = re.findall(r"^EXPOSE (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert set(map(int, exposed.split())) == set(PORTS.values())


def test_every_file_of_the_wheel_is_copied_into_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of = [project["project"]["readme"], *project["project"]["license-files"], *wheel["packages"]]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    for path in [*made_of, *wheel["force-include"]]:
        assert any(Path(path).is_relative_to(source) for line in copied for source in line.split()), path

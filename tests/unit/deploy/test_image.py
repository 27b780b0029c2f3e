"""The one image of the four services."""

import re
import tomllib
from pathlib import Path

from perdure.local.suite import SERVICES
from tests.support.deploy_files import DEPLOY, PORTS, ROOT, run


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


def test_all_that_the_wheel_is_made_of_is_copied_into_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of = [project["project"]["readme"], *project["project"]["license-files"], *wheel["packages"]]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    for path in [*made_of, *wheel["force-include"]]:
        assert any(Path(path).is_relative_to(source) for line in copied for source in line.split()), path

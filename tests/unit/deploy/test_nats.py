"""The accounts of NATS, and how each service gets the seed of its nkey."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.bus.accounts import KEY_VARIABLES, key_variable
from perdure.bus.permissions import ROLES
from perdure.cli.app import app
from perdure.local.nkeys import public_nkey, seed_file
from perdure.local.services import SERVICES
from tests.support.deploy_files import COMPOSE, DEPLOY, ROOT, compose, generated, service_of, volumes_of, workloads

NATS = DEPLOY / "nats"


def test_the_accounts_file_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["admin", "nats", "accounts"]).output

    assert printed == (NATS / "accounts.conf").read_text(), "perdure admin nats accounts > deploy/nats/accounts.conf"


def test_every_role_has_its_nkey_in_the_files_for_nats_server() -> None:
    files = "".join((NATS / name).read_text() for name in ("accounts.conf", "publishers.conf", "bots.conf"))

    assert set(re.findall(r"\$PERDURE_NKEY_\w+", files)) == set(KEY_VARIABLES.values())


def test_the_files_that_nats_conf_includes_are_mounted_beside_it() -> None:
    mounted = volumes_of(compose()["services"]["nats"])
    included = {name for file in NATS.glob("*.conf") for name in re.findall(r'include "([\w.]+)"', file.read_text())}

    assert {f"/etc/nats/{name}" for name in (*included, "nats.conf")} <= set(mounted)
    assert all(mounted[f"/etc/nats/{name}"] == f"./deploy/nats/{name}" for name in included)


def test_the_command_makes_the_secrets_of_compose_and_never_replaces_a_key(tmp_path: Path) -> None:
    secrets = {secret["file"] for secret in compose()["secrets"].values()}
    (public,) = compose()["services"]["nats"]["env_file"]
    folder = tmp_path / Path(public).parent
    for _ in range(2):
        assert CliRunner().invoke(app, ["admin", "nats", "keys"]).exit_code == 0
        lines = dict(line.split("=") for line in (tmp_path / public).read_text().splitlines())

        assert lines == {key_variable(role): public_nkey(seed_file(folder, role)) for role in ROLES}
    assert all((tmp_path / secret).exists() for secret in secrets)
    assert f"{Path(public).parent}/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", [*SERVICES, "operator"])
def test_each_service_of_compose_gets_its_own_seed_and_no_other(name: str) -> None:
    service = compose()["services"][name]
    (secret,) = service["secrets"]

    assert compose()["secrets"][secret["source"]]["file"].endswith(f"/{name}.nk")
    assert service["environment"]["PERDURE_NATS__NKEY_SEED_FILE"] == f"/run/secrets/{secret['target']}"


def test_each_pod_gets_the_seed_of_its_service_and_no_other() -> None:
    for _, pod, container in workloads():
        (secret,) = [it["secret"] for it in pod["volumes"] if it["name"] == "nkey"]
        (folder,) = [it["mountPath"] for it in container["volumeMounts"] if it["name"] == "nkey"]
        (item,) = secret["items"]

        assert item["key"] == f"{service_of(container['command'])}.nk"
        assert generated("perdure-environment")["PERDURE_NATS__NKEY_SEED_FILE"] == f"{folder}/{item['path']}"


def test_the_compose_file_names_the_command_that_lets_its_user_read_the_seeds() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert f"chown {user} deploy/nats/nkeys/*.nk" in COMPOSE.read_text()

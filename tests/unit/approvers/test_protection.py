"""A private key is encrypted with a passphrase or by the keyring, and who cannot open it cannot sign."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.approvers import ApproversFile, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.approvers.keys import is_encrypted, key_id_in
from perdure.errors import SetupError
from tests.support.terminal import on_terminal

ROOT = Path(__file__).parents[3]
PERDURE = str(Path(sys.executable).with_name("perdure"))
READ = """
import sys
from pathlib import Path
from perdure.approvers import SigningKey
from perdure.errors import SetupError
try:
    print(SigningKey.read(Path(sys.argv[1])).key_id)
except SetupError as error:
    sys.exit(str(error))
"""


def environment(folder: Path) -> dict[str, str]:
    return {
        "PERDURE_APPROVALS__APPROVERS": str(folder / "people.yaml"),
        "XDG_DATA_HOME": str(folder / "data"),
        "PYTHONPATH": str(ROOT),
        "PYTHON_KEYRING_BACKEND": "tests.support.keyring_file.FileKeyring",
        "KEYRING_FILE": str(folder / "keyring.json"),
    }


def key_in(folder: Path, name: str = "ada") -> Path:
    (file,) = (folder / "data").rglob(f"{name}.pem")
    return file


def read(file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command, variables = [sys.executable, "-c", READ, str(file)], {**os.environ, **environment(folder)}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_on_a_terminal_a_new_key_is_encrypted_with_the_passphrase_that_is_typed(tmp_path: Path) -> None:
    command = [PERDURE, "approvers", "add", "ada"]

    code, shown = on_terminal(
        command, ["correct horse", "correct horse"], folder=tmp_path, environment=environment(tmp_path)
    )

    assert code == 0, shown
    assert "one person" not in shown
    file = key_in(tmp_path)
    assert tmp_path / ".perdure" not in file.parents
    (key,) = ApproversFile(tmp_path / "people.yaml").current().approvers["ada"].keys
    assert (is_encrypted(file), key_id_in(file)) == (True, key.key_id)
    assert b"correct horse" not in file.read_bytes()
    reading = [sys.executable, "-c", READ, str(file)]
    right = on_terminal(reading, ["correct horse"], folder=tmp_path, environment=environment(tmp_path))
    wrong = on_terminal(reading, ["battery staple"], folder=tmp_path, environment=environment(tmp_path))
    assert (right[0], right[1].strip().endswith(key.key_id)) == (0, True)
    assert (wrong[0], "the passphrase is another one" in wrong[1]) == (1, True)


def test_without_a_terminal_an_encrypted_key_is_refused_with_what_to_do(tmp_path: Path) -> None:
    SigningKey.new().write(tmp_path / "ada.pem", "passphrase", "secret")

    ended = read(tmp_path / "ada.pem", tmp_path)

    assert ended.returncode == 1
    assert "there is no terminal to ask on" in ended.stderr


def test_the_keyring_opens_a_key_without_a_question_and_only_where_it_is(tmp_path: Path) -> None:
    command = [PERDURE, "approvers", "add", "ada", "--protect", "keyring"]
    variables = {**os.environ, **environment(tmp_path)}
    subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True)
    file = key_in(tmp_path)

    opened = read(file, tmp_path)
    (tmp_path / "keyring.json").unlink()
    elsewhere = read(file, tmp_path)

    assert opened.stdout.strip() == key_id_in(file)
    assert (elsewhere.returncode, "keyring does not hold the secret" in elsewhere.stderr) == (1, True)


def test_without_a_keyring_the_error_names_the_other_way(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="--protect passphrase"):
        SigningKey.new().write(tmp_path / "ada.pem", "keyring")

    assert not (tmp_path / "ada.pem").exists()


def test_without_either_agent_and_approver_are_one_person_and_the_command_says_so(tmp_path: Path) -> None:
    variables = {**os.environ, **environment(tmp_path)}
    added = subprocess.run(
        [PERDURE, "approvers", "add", "ada"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )

    assert "agent and approver are one person" in added.stdout


def test_a_protected_key_is_rotated_without_its_passphrase(tmp_path: Path) -> None:
    file, folder = ApproversFile(tmp_path / "approvers.yaml"), tmp_path / "keys"
    first, _ = enrol(file, folder, "ada", protection="passphrase", passphrase="secret")  # noqa: S106 (of a test)

    enrol(file, folder, "ada")

    assert is_encrypted(folder / f"ada~{first.key_id}.pem")

"""Secrets come from files, programs and variables; what is new is used, and no error shows one."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.config.secret_command import CommandSecrets
from perdure.config.secrets import read_secret
from perdure.errors import SetupError
from tests.support.secret_file import write_secret

HIDDEN = "hunter2-hunter2"


def program(folder: Path, text: str) -> tuple[str, ...]:
    file = folder / "vault"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return (str(file), HIDDEN)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_each_source_gives_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", " of the variable\n")
    file = write_secret(tmp_path / "token", "of the file\n")
    command = program(tmp_path, "echo of the program")

    assert read_secret("It", variable="THE_TOKEN") == "of the variable"
    assert read_secret("It", command=command, variable="THE_TOKEN") == "of the program"
    assert read_secret("It", file=file, command=command, variable="THE_TOKEN") == "of the file"


def test_a_file_that_is_replaced_is_read(tmp_path: Path) -> None:
    file = write_secret(tmp_path / "token", "old")
    assert read_secret("It", file=file) == "old"

    write_secret(file, "new")
    assert read_secret("It", file=file) == "new"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = write_secret(tmp_path / "token", HIDDEN)
    file.chmod(0o644)

    with pytest.raises(SetupError, match="chmod o=") as refused:
        read_secret("It", file=file)
    assert HIDDEN not in str(refused.value)


def test_a_program_runs_once_and_again_when_that_is_due(tmp_path: Path) -> None:
    counted, answer = tmp_path / "counted", write_secret(tmp_path / "answer", "first")
    command = program(tmp_path, f"echo >> {counted}; cat {answer}")
    patient, hasty = CommandSecrets(refresh_every=3600), CommandSecrets(refresh_every=0)

    assert [patient.read("It", command) for _ in range(3)] == ["first"] * 3
    assert len(counted.read_text()) == 1
    assert hasty.read("It", command) == "first"
    write_secret(answer, "second")
    until(lambda: hasty.read("It", command) == "second")
    answer.unlink()  # the program fails now
    hasty.read("It", command)
    assert hasty.read("It", command) == "second"


def test_a_program_that_takes_long_delays_nobody_who_has_its_secret(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    command = program(tmp_path, f"while [ -e {gate} ]; do sleep 0.05; done; echo secret")
    secrets = CommandSecrets(refresh_every=0)
    assert secrets.read("It", command) == "secret\n"
    gate.touch()

    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(secrets.read("It", command) for _ in range(3)))
    reader.start()
    reader.join(20)
    assert read == ["secret\n"] * 3  # while its program still runs
    gate.unlink()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"echo {HIDDEN}; exit 3", "ended with 3: no reason given"),
        (f"echo {HIDDEN}; echo sealed >&2; exit 3", "ended with 3: sealed"),
        (f"echo {HIDDEN}; exec sleep 60", "did not end within 0.3 seconds"),
        ("printf '\\377'", r"cannot be run \(UnicodeDecodeError\)"),
    ],
)
def test_what_a_program_does_wrong_is_a_sentence_without_the_secret(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence) as failed:
        CommandSecrets(within=0.3 if "sleep" in text else 30).read("The token", program(tmp_path, text))

    assert failed.value.__cause__ is None
    assert HIDDEN not in str(failed.value)
    assert str(failed.value).startswith("The token: ")


def test_a_program_that_does_not_exist_and_an_empty_secret_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be run"):
        CommandSecrets().read("It", (str(tmp_path / "none"),))
    with pytest.raises(SetupError, match=r"output of .*vault is empty"):
        read_secret("It", command=program(tmp_path, "true"))
    with pytest.raises(SetupError, match=r"cannot be read from .*none: No such file"):
        read_secret("It", file=tmp_path / "none")

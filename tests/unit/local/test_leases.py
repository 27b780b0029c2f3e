import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from perdure.errors import SetupError
from perdure.local.leases import PortLeases
from tests.support.ports import free_port

_HOLDER: Final = """
import sys
from pathlib import Path
from perdure.local.leases import PortLeases

with PortLeases("the suite of /theirs", Path(sys.argv[1])) as leases:
    print(leases.take(int(sys.argv[2])), flush=True)
    sys.stdin.read()
"""


def test_of_two_suites_one_gets_a_port_on_which_nothing_listens_yet(tmp_path: Path) -> None:
    port = free_port()
    with PortLeases("first", tmp_path) as first, PortLeases("second", tmp_path) as second:
        assert first.take(port)
        assert not second.take(port)
        assert second.holder_of(port) == "first"

    with PortLeases("third", tmp_path) as third:
        assert third.take(port)


def test_a_lease_lasts_while_its_program_restarts_and_may_be_taken_again_by_its_holder(tmp_path: Path) -> None:
    port = free_port()
    with PortLeases("first", tmp_path) as first:
        assert first.take(port)
        assert first.take(port)
        assert first.holder_of(port) is None


def test_a_released_port_is_free_for_others(tmp_path: Path) -> None:
    port = free_port()
    with PortLeases("first", tmp_path) as first, PortLeases("second", tmp_path) as second:
        first.take(port)
        first.release([port])

        assert second.take(port)


def test_the_leases_of_a_killed_process_are_released(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", _HOLDER, str(tmp_path), str(port)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder,
        PortLeases("ours", tmp_path) as ours,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not ours.take(port)
        assert ours.holder_of(port) == "the suite of /theirs"

        holder.kill()
        holder.wait()

        assert ours.take(port)


def test_a_folder_that_cannot_be_used_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(SetupError, match=r"port leases .* cannot be used"),
        PortLeases("x", tmp_path / "file" / "ports"),
    ):
        pytest.fail("it was used")

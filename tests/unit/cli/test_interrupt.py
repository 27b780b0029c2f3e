"""Ctrl-C while a command starts: exit code 130 and no traceback."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from perdure.cli.exit_codes import INTERRUPTED

_PROGRAM: Final = """
import os, signal, sys
from perdure.cli.program import main

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            os.kill(os.getpid(), signal.SIGINT)

moment = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupt())
main()
"""


@pytest.mark.parametrize("moment", ["perdure.cli.app", "typer", "perdure.cli.command_group", "pydantic", "nats"])
def test_an_interrupt_while_a_command_is_imported_ends_it_quietly(moment: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, moment, "routes", "waiting"],
        cwd=tmp_path,
        env={**os.environ, "PERDURE_NATS__SERVERS": '["nats://127.0.0.1:1"]'},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (INTERRUPTED, "", "")

"""Programs of strangers publish, watch and decide with types that are generated from the published contract."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import perdure
from tests.support.foreign_clients import BUILDERS
from tests.support.perdure_up import running

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(1200)  # the first build compiles Go's standard library
def test_a_program_in_another_language_publishes_watches_and_decides(tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    shutil.copytree(ROOT / "examples" / "greeting", folder)
    commands = {language: build(tmp_path / language) for language, build in BUILDERS.items()}

    with running(folder):
        assert perdure(folder, "approvers", "add", "bot").returncode == 0
        state = folder / ".perdure"
        server = json.loads((state / "endpoints.json").read_text())["nats"]
        keys = [state / "nkeys" / "publisher.nk", state / "nkeys" / "bot.nk", state / "keys" / "bot.pem"]
        for language, command in commands.items():
            arguments = [server, *map(str, keys), language]
            done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)

            assert done.stdout.splitlines() == ["accepted", "Hello, Ada!"], f"{language}: {done.stderr}"

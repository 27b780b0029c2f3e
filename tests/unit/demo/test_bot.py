"""The demo's bot uses NATS and imports nothing of Perdure."""

import os
import re
import subprocess

from perdure.cli.demo.play import BOT


def test_the_bot_imports_nats_and_nothing_of_perdure() -> None:
    bot = subprocess.run(  # without arguments it exits right after its imports
        BOT, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}, capture_output=True, text=True, check=False
    )

    imported = set(re.findall(r"^import time:.*\|\s+(\w+)", bot.stderr, re.MULTILINE))
    assert "nats" in imported
    assert not {name for name in imported if name.startswith("perdure")}

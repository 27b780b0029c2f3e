"""The bot of the demo is what it says it is: a program that knows NATS, and nothing of Perdure."""

import os
import re
import subprocess

from perdure.cli.demo.play import BOT


def test_the_bot_imports_nats_and_nothing_of_perdure() -> None:
    bot = subprocess.run(  # without its arguments it ends as soon as it has imported what it needs
        BOT, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}, capture_output=True, text=True, check=False
    )

    imported = set(re.findall(r"^import time:.*\|\s+(\w+)", bot.stderr, re.MULTILINE))
    assert "nats" in imported
    assert not {name for name in imported if name.startswith("perdure")}

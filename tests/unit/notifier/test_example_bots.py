"""The example bots print titles and reasons of others: as text in one line."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

from tests.support.hostile import FRAGMENTS, acting_characters

BOTS = Path(__file__).parents[3] / "examples" / "chatops_bot"
TEXTS = [*(text for text in FRAGMENTS if "\ud800" not in text), "".join(FRAGMENTS).replace("\ud800", "")]


def test_the_python_bot_prints_one_line_without_escapes() -> None:
    shown = runpy.run_path(str(BOTS / "bot.py"))["shown"]

    assert [text for text in TEXTS if acting_characters(shown(text)) or re.search(r"[\t\n]", shown(text))] == []


def test_the_javascript_bot_prints_one_line_without_escapes() -> None:
    source = (BOTS / "bot.js").read_text()
    function = re.search(r"^function shown.*?^}", source, re.DOTALL | re.MULTILINE)
    assert function is not None
    program = f"{function[0]}\nconsole.log(JSON.stringify(JSON.parse(process.argv[1]).map(shown)));"

    node = shutil.which("node") or "node"
    printed = subprocess.run([node, "-e", program, json.dumps(TEXTS)], capture_output=True, text=True, check=True)

    assert [text for text in json.loads(printed.stdout) if acting_characters(text) or re.search(r"[\t\n]", text)] == []
    assert "shown(title)" in source
    assert "shown(receipt.reason)" in source

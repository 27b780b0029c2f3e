"""The published document is read by AsyncAPI's official parser, without a complaint."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from perdure.asyncapi import VERSION
from perdure.asyncapi.channels import CHANNELS

ROOT: Final = Path(__file__).parents[3]
PUBLISHED: Final = ROOT / "deploy" / "contracts" / f"v{VERSION}"
MODULES: Final = Path(sys.prefix) / "npm" / "node_modules"
NEWER: Final = "asyncapi-latest-version"  # a hint that there is AsyncAPI 3.1; the document is 3.0


def parsed(document: Path) -> dict[str, Any]:
    assert (MODULES / "@asyncapi" / "parser").exists(), "The parser from npm is not installed: run `make test`"
    command = ["node", str(ROOT / "tests" / "npm" / "parse_asyncapi.cjs"), str(document)]
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def test_the_official_parser_reads_the_document_and_has_no_complaint() -> None:
    found = parsed(PUBLISHED / "asyncapi.json")

    assert [it for it in found["diagnostics"] if it["code"] != NEWER] == []
    assert {channel.name for channel in CHANNELS} <= {*found["messages"]}
    assert {"bot.send.decisions", "bot.receive.receipts", "publisher.send.events"} <= {*found["operations"]}


def test_the_official_parser_finds_a_planted_error(tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED, tmp_path / "contract")
    document = tmp_path / "contract" / "asyncapi.json"
    document.write_text(document.read_text().replace('"schemas/receipts.json"', '"schemas/nowhere.json"'))

    assert [it for it in parsed(document)["diagnostics"] if it["severity"] == 0]

"""Programs of strangers in TypeScript and Go, with types generated from the published schemas."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from perdure.asyncapi import VERSION

__all__ = ["BUILDERS"]

ROOT: Final = Path(__file__).parents[2]
SCHEMAS: Final = ROOT / "deploy" / "contracts" / f"v{VERSION}" / "schemas"
MODULES: Final = Path(sys.prefix) / "npm" / "node_modules"
TYPES: Final = ("approvals.requested", "decisions", "receipts", "progress")
GO: Final = Path(sys.prefix) / "bin" / "go"


def typescript(folder: Path) -> list[str]:
    """Compile the program with ``tsc --strict``, and return the command that runs it."""
    shutil.copytree(ROOT / "tests" / "strangers" / "ts", folder)
    (folder / "node_modules").symlink_to(MODULES)
    _generate(folder / "contract.ts", "--lang", "ts", "--just-types")
    _run([str(MODULES / ".bin" / "tsc"), "--project", "."], folder)
    return ["node", str(folder / "client.js")]


def go(folder: Path) -> list[str]:
    """Vet and build the program with the standard library alone, and return the command that runs it."""
    shutil.copytree(ROOT / "tests" / "strangers" / "go", folder)
    _generate(folder / "contract.go", "--lang", "go", "--package", "main")
    cache = {"GOCACHE": str(Path(sys.prefix) / "go-cache"), "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    assert GO.exists(), "Go is not installed: run `make test`"
    _run([str(GO), "vet", "."], folder, **cache)
    _run([str(GO), "build", "-o", "stranger", "."], folder, **cache)
    return [str(folder / "stranger")]


BUILDERS: Final = {"typescript": typescript, "go": go}


def _generate(file: Path, *options: str) -> None:
    quicktype = MODULES / ".bin" / "quicktype"
    assert quicktype.exists(), "The tools from npm are not installed: run `make test`"
    schemas = [str(SCHEMAS / f"{name}.json") for name in TYPES]
    _run([str(quicktype), "--src-lang", "schema", *options, "--out", str(file), *schemas], file.parent)


def _run(command: list[str], folder: Path, **variables: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

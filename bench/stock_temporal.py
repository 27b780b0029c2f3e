"""Temporal's development server with its default settings and a database file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from perdure.local.installed import installed
from perdure.local.program import Program, http_ready

__all__ = ["STOCK_TEMPORAL", "stock_temporal"]

STOCK_TEMPORAL: Final = "stock temporal"


def stock_temporal(folder: Path, ports: Mapping[str, int]) -> Program:
    """Return the program ``temporal server start-dev --db-filename`` on its own ports."""
    command = [installed("temporal"), "server", "start-dev", "--ip", "127.0.0.1"]
    command += ["--db-filename", str(folder / "stock-temporal.db")]
    for flag in ("port", "ui-port", "http-port"):
        command += [f"--{flag}", str(ports[f"stock-{flag}"])]
    return Program(
        name=STOCK_TEMPORAL,
        command=command,
        where=f"127.0.0.1:{ports['stock-port']}",
        ready=http_ready(f"http://127.0.0.1:{ports['stock-http-port']}/api/v1/namespaces/default"),
    )

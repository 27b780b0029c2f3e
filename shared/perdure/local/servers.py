"""The embedded servers: real NATS and real Temporal, from wheels, tuned and durable."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from perdure.bus.accounts import accounts_config
from perdure.bus.permissions import SERVICES_ACCOUNT
from perdure.errors import SetupError
from perdure.local.program import Program, http_ready

__all__ = ["installed", "nats_program", "temporal_program"]

_LARGEST_MESSAGE: Final = 8 * 1024 * 1024  # bytes; nats-server warns above

# The stock settings let every hop wait up to 50 ms once a burst is used up (default 20 polls a second).
_FAST_HOPS: Final = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")
# Durable against a killed process, three times as fast as SQLite's own defaults; a power cut may lose the last instant.
_PRAGMAS: Final = ("journal_mode=wal", "synchronous=normal")


def nats_program(folder: Path, ports: Mapping[str, int], nkeys: Mapping[str, str] | None = None) -> Program:
    """Return nats-server with JetStream on disk.

    Args:
        folder: Where a folder of its own is made.
        ports: ``nats`` and ``nats_monitor``.
        nkeys: The public nkey of each role, whose permissions it then keeps apart, and who shows none is a publisher;
            without them, everybody may do everything.

    Raises:
        SetupError: It is not installed.
    """
    folder = folder / "nats"
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nats.conf"
    configuration.write_text(
        f"server_name: perdure\n"
        f"listen: 127.0.0.1:{ports['nats']}\n"
        f"http: 127.0.0.1:{ports['nats_monitor']}\n"
        f"max_payload: {_LARGEST_MESSAGE}\n"
        f'jetstream {{ store_dir: "{folder}" }}\n'
        + (f"no_auth_user: {nkeys['publisher']}\n{accounts_config(nkeys)}" if nkeys else "")
    )
    if nkeys:
        _move_in(folder / "jetstream")
    return Program(
        name="nats",
        command=[installed("nats-server"), "-c", str(configuration)],
        where=f"nats://127.0.0.1:{ports['nats']}",
        ready=http_ready(f"http://127.0.0.1:{ports['nats_monitor']}/healthz?js-enabled-only=true"),
    )


def _move_in(streams: Path) -> None:
    """Let the house's account have what an older Perdure stored, when there was one account for all."""
    old, new = streams / "$G", streams / SERVICES_ACCOUNT
    if old.exists() and not new.exists():
        old.rename(new)


def temporal_program(folder: Path, ports: Mapping[str, int], namespace: str) -> Program:
    """Return Temporal's development server, with its database on disk.

    Raises:
        SetupError: It is not installed.
    """
    folder = folder / "temporal"
    folder.mkdir(parents=True, exist_ok=True)
    command = [installed("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
    command += ["--db-filename", str(folder / "temporal.db"), "--namespace", namespace]
    for flag in ("port", "ui-port", "http-port", "metrics-port"):
        command += [f"--{flag}", str(ports[_port_name(flag)])]
    for value in _FAST_HOPS:
        command += ["--dynamic-config-value", value]
    for pragma in _PRAGMAS:
        command += ["--sqlite-pragma", pragma]
    return Program(
        name="temporal",
        command=command,
        where=f"127.0.0.1:{ports['temporal']}",
        ready=http_ready(f"http://127.0.0.1:{ports['temporal_http']}/api/v1/namespaces/{namespace}"),
    )


def _port_name(flag: str) -> str:
    part = flag.removesuffix("port").removesuffix("-")
    return f"temporal_{part}" if part else "temporal"


def installed(name: str, extra: str = "local") -> str:
    """Find a wheel's program: beside the running Python, else in PATH.

    Raises:
        SetupError: It is nowhere.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SetupError(
            f"{name} is not installed: pip install 'perdure[{extra}]'. Or run your own servers and set "
            "execution_engine: temporal."
        )
    return found

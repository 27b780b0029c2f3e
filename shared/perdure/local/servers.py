"""The embedded servers: NATS and Temporal from wheels, tuned, with their data on disk."""

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

_MAX_PAYLOAD: Final = 8 * 1024 * 1024  # bytes; nats-server warns above

# By default (20 polls a second), each task may wait up to 50 ms once a burst is used up.
_FAST_POLLS: Final = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")
# Survives a killed process and is three times as fast as SQLite's defaults; a power cut may lose the last commits.
_PRAGMAS: Final = ("journal_mode=wal", "synchronous=normal")


def nats_program(folder: Path, ports: Mapping[str, int], nkeys: Mapping[str, str] | None = None) -> Program:
    """Return a nats-server program with JetStream on disk.

    Args:
        folder: The state folder; the server's own folder is created in it.
        ports: ``nats`` and ``nats_monitor``.
        nkeys: The public nkey of each role: each role has its own permissions, and a client without an nkey is a
            publisher. Without nkeys, every client may do everything.

    Raises:
        SetupError: The server is not installed.
    """
    folder = folder / "nats"
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nats.conf"
    configuration.write_text(
        f"server_name: perdure\n"
        f"listen: 127.0.0.1:{ports['nats']}\n"
        f"http: 127.0.0.1:{ports['nats_monitor']}\n"
        f"max_payload: {_MAX_PAYLOAD}\n"
        f'jetstream {{ store_dir: "{folder}" }}\n'
        + (f"no_auth_user: {nkeys['publisher']}\n{accounts_config(nkeys)}" if nkeys else "")
    )
    if nkeys:
        _adopt_default_account(folder / "jetstream")
    return Program(
        name="nats",
        command=[installed("nats-server"), "-c", str(configuration)],
        where=f"nats://127.0.0.1:{ports['nats']}",
        ready=http_ready(f"http://127.0.0.1:{ports['nats_monitor']}/healthz?js-enabled-only=true"),
    )


def _adopt_default_account(streams: Path) -> None:
    """Move streams of the default account, which older versions used, to the services' account."""
    old, new = streams / "$G", streams / SERVICES_ACCOUNT
    if old.exists() and not new.exists():
        old.rename(new)


def temporal_program(folder: Path, ports: Mapping[str, int], namespace: str) -> Program:
    """Return a program for Temporal's development server with its database on disk.

    Raises:
        SetupError: The server is not installed.
    """
    folder = folder / "temporal"
    folder.mkdir(parents=True, exist_ok=True)
    command = [installed("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
    command += ["--db-filename", str(folder / "temporal.db"), "--namespace", namespace]
    for flag in ("port", "ui-port", "http-port", "metrics-port"):
        command += [f"--{flag}", str(ports[_port_name(flag)])]
    for value in _FAST_POLLS:
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
    kind = flag.removesuffix("port").removesuffix("-")
    return f"temporal_{kind}" if kind else "temporal"


def installed(name: str, extra: str = "local") -> str:
    """Return the path of an installed program: beside the running Python, else in PATH.

    Raises:
        SetupError: It is in neither place.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SetupError(
            f"{name} is not installed: pip install 'perdure[{extra}]'. Or run your own servers and set "
            "execution_engine: temporal."
        )
    return found

"""The embedded servers: NATS and Temporal from wheels, tuned, with their data on disk."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from perdure.bus.accounts import accounts_config
from perdure.bus.permissions import SERVICES_ACCOUNT
from perdure.config.replace_file import replace_file
from perdure.connections.nats_greeting import NothingListens, Silent, server_name
from perdure.local.installed import installed
from perdure.local.nats_store import NatsStore
from perdure.local.program import Program, http_ready

__all__ = ["nats_program", "temporal_program"]

_DATABASE: Final = "temporal.db"
_GREETS_WITHIN: Final = 1.0  # seconds
_SYNC_EVERY: Final = '"1s"'  # nats-server's own default of two minutes is what a power cut may cost
_MAX_PAYLOAD: Final = 8 * 1024 * 1024  # bytes; nats-server warns above

# By default (20 polls a second), each task may wait up to 50 ms once a burst is used up.
_FAST_POLLS: Final = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")
_PAUSES: Final = "frontend.WorkflowPauseEnabled=true"  # of single runs; off by default
# Survives a killed process and is three times as fast as SQLite's defaults; a power cut may lose the last commits.
_PRAGMAS: Final = ("journal_mode=wal", "synchronous=normal")


def nats_program(
    folder: Path, ports: Mapping[str, int], nkeys: Mapping[str, str] | None = None, *, name: str = "perdure"
) -> Program:
    """Return a nats-server program with JetStream on disk.

    Args:
        folder: The state folder; before the server starts, its own folder with its configuration is made in it.
        ports: ``nats`` and ``nats_monitor``.
        nkeys: The public nkey of each role: each role has its own permissions, and a client without an nkey is a
            publisher. Without nkeys, every client may do everything.
        name: The server's name, by which its readiness tells it apart from the server of another suite.

    Raises:
        SetupError: The server is not installed.
    """
    folder = folder / "nats"
    configuration = folder / "nats.conf"

    async def configure() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = _nats_configuration(folder, ports, nkeys, name, store.bound())
        replace_file(configuration, text.encode())  # of an empty file, nats-server makes an open server
        if nkeys:
            _adopt_default_account(folder / "jetstream")

    where = f"nats://127.0.0.1:{ports['nats']}"
    store = NatsStore(folder, monitor := f"http://127.0.0.1:{ports['nats_monitor']}")
    is_healthy = http_ready(f"{monitor}/healthz?js-enabled-only=true")

    async def ready() -> bool:
        try:
            return await server_name(where, within=_GREETS_WITHIN) == name and await is_healthy()
        except (NothingListens, Silent):
            return False

    return Program(
        name="nats",
        command=[installed("nats-server"), "-c", str(configuration)],
        where=where,
        ready=ready,
        first=configure,
        trouble=store.trouble,
    )


def _nats_configuration(
    folder: Path, ports: Mapping[str, int], nkeys: Mapping[str, str] | None, name: str, most_stored: int
) -> str:
    settings = (
        f"store_dir: {json.dumps(str(folder), ensure_ascii=False)}",
        f"sync_interval: {_SYNC_EVERY}",
        f"max_file_store: {most_stored}",
    )
    return (
        f"server_name: {name}\n"
        f"listen: 127.0.0.1:{ports['nats']}\n"
        f"http: 127.0.0.1:{ports['nats_monitor']}\n"
        f"max_payload: {_MAX_PAYLOAD}\n"
        f"jetstream {{ {', '.join(settings)} }}\n"
        + (f"no_auth_user: {nkeys['publisher']}\n{accounts_config(nkeys)}" if nkeys else "")
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
    # The server pastes this path into a URL, where `?` would end it: its working folder is named instead.
    command += ["--db-filename", _DATABASE, "--namespace", namespace]
    for flag in ("port", "ui-port", "http-port", "metrics-port"):
        command += [f"--{flag}", str(ports[_port_name(flag)])]
    for value in (*_FAST_POLLS, _PAUSES):
        command += ["--dynamic-config-value", value]
    for pragma in _PRAGMAS:
        command += ["--sqlite-pragma", pragma]
    return Program(
        name="temporal",
        command=command,
        where=f"127.0.0.1:{ports['temporal']}",
        ready=http_ready(
            f"http://127.0.0.1:{ports['temporal_http']}/api/v1/namespaces/{namespace}",
            is_ours=lambda answer: _namespace_id(answer) == _stored_id(folder / _DATABASE, namespace),
        ),
        folder=folder,
    )


def _namespace_id(answer: Any) -> str | None:
    """Return the id of the namespace that a Temporal server describes; None if the answer is of another kind."""
    try:
        return str(answer["namespaceInfo"]["id"]).replace("-", "")
    except (KeyError, TypeError):
        return None


def _stored_id(database: Path, namespace: str) -> str:
    """Return the id that this database has drawn at random for a namespace; empty until it has."""
    query = "SELECT lower(hex(id)) FROM namespaces WHERE name = ?"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(query, (namespace,)).fetchone()
    except sqlite3.Error:  # the server has not created it yet, or holds its lock
        return ""
    return str(found[0]) if found else ""


def _port_name(flag: str) -> str:
    kind = flag.removesuffix("port").removesuffix("-")
    return f"temporal_{kind}" if kind else "temporal"

"""Servers as operators run them: one NATS and one Temporal behind TLS, for several suites, by ``perdure admin``."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trustme
import yaml

from perdure.encryption.key_ring import new_key_line
from perdure.local.servers import temporal_program
from perdure.local.supervisor import supervised
from tests.support.binaries import binary
from tests.support.command_line import perdure
from tests.support.ports import SERVERS, free_port
from tests.support.postgres import postgres
from tests.support.secret_file import write_secret
from tests.support.tls_proxy import tls_proxy

__all__ = ["merged", "production", "production_servers"]


@asynccontextmanager
async def production(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Run the servers for one suite, with PostgreSQL under its audit; yield its configuration."""
    with postgres() as databases:
        async with production_servers(folder, ["live"]) as configurations:
            yield configurations["live"] | {"audit": {"database": await databases.new_database()}}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return both configurations; where they meet, the second one wins."""
    both = {key: merged(below[key], above[key]) for key in below.keys() & above.keys() if isinstance(below[key], dict)}
    return {**below, **above, **both}


@asynccontextmanager
async def production_servers(folder: Path, suites: Sequence[str]) -> AsyncIterator[dict[str, dict[str, Any]]]:
    """Run the servers; yield the configuration of each suite: an account, a namespace and a key ring of its own.

    Args:
        folder: Holds the servers' data, certificates and keys.
        suites: The names of the suites.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tls, context = _certificates(folder)
    clear = {name: free_port() for name in SERVERS}
    programs = [temporal_program(folder, clear, "default")]
    await asyncio.to_thread(_make_accounts, folder, suites)
    with _nats(folder, suites, clear["nats"]):
        async with supervised(programs, folder / "logs", lambda _: None), tls_proxy(clear["temporal"], context) as port:
            await _wait_until_ready(programs)
            yield {suite: await _suite(folder, suite, tls, clear["nats"], port) for suite in suites}


def _certificates(folder: Path) -> tuple[dict[str, str], ssl.SSLContext]:
    """Write certificates for both sides; return the client's files, and what Temporal's side demands."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, of in (("server", "127.0.0.1"), ("client", "suite@perdure.example")):
        issued = authority.issue_cert(of)
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        write_secret(folder / f"{name}.key", issued.private_key_pem.bytes().decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    client = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
    return {name: str(folder / file) for name, file in client.items()}, context


def _make_accounts(folder: Path, suites: Sequence[str]) -> None:
    for suite in suites:
        _done(perdure(folder, "admin", "nats", "keys", "--to", str(folder / suite), "--suite", suite))
    named = [part for suite in suites for part in ("--suite", suite)]
    (folder / "accounts.conf").write_text(_done(perdure(folder, "admin", "nats", "accounts", *named)))


@contextmanager
def _nats(folder: Path, suites: Sequence[str], port: int) -> Iterator[None]:
    files = ", ".join(
        f'{key}: "{folder / name}"'
        for key, name in (("cert_file", "server.pem"), ("key_file", "server.key"), ("ca_file", "ca.pem"))
    )
    (folder / "nats.conf").write_text(
        f'max_payload: 8MB\ntls {{ {files}, verify: true }}\njetstream {{ store_dir: "{folder / "nats"}" }}\n'
        'include "accounts.conf"\n'
    )
    public = "".join((folder / suite / "public.env").read_text() for suite in suites)
    environment = os.environ | dict(line.split("=", 1) for line in public.splitlines())
    command = [binary("nats-server"), "-c", str(folder / "nats.conf"), "-a", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen([*command, "-l", str(folder / "nats.log")], env=environment) as server:
        try:
            yield
        finally:
            server.terminate()


async def _suite(folder: Path, suite: str, tls: dict[str, str], nats: int, temporal: int) -> dict[str, Any]:
    keys = write_secret(folder / suite / "ring", new_key_line("april"))
    configuration = {
        "execution_engine": "temporal",
        "nats": {
            "servers": [f"tls://127.0.0.1:{nats}"],
            "nkey_seed_file": str(folder / suite / "{role}.nk"),
            "tls": tls,
        },
        "temporal": {"port": temporal, "namespace": suite, "tls": tls, "task_timeout_seconds": 3},
        "encryption": {"keys_file": str(keys)},
    }
    (folder / suite / "perdure.yaml").write_text(yaml.safe_dump(configuration))
    for command in (("temporal", "namespace", "--keep-days", "1"), ("nats", "provision"), ("temporal", "provision")):
        await _until_done(folder / suite, "admin", *command)
    return configuration


async def _until_done(folder: Path, *command: str) -> None:
    """Run a command until it works: a new namespace is known to all of Temporal after some seconds."""
    async with asyncio.timeout(180):
        while (ended := await asyncio.to_thread(perdure, folder, *command)).returncode:
            print(ended.stderr)  # noqa: T201 (for whoever reads why a test failed)
            await asyncio.sleep(1)


async def _wait_until_ready(programs: Sequence[Any]) -> None:
    async with asyncio.timeout(120):
        for program in programs:
            while not await program.ready():
                await asyncio.sleep(0.1)


def _done(ended: "subprocess.CompletedProcess[str]") -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout

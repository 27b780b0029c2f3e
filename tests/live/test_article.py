"""The article's programs in a folder of a newcomer's, on both engines; with a signal, and an exported history."""

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import trustme
import yaml

from perdure.config.yaml_file import read_yaml
from perdure.local.servers import nats_program, temporal_program
from perdure.local.supervisor import supervised
from tests.support.article import HISTORY, changed_programs, configurations
from tests.support.command_line import perdure, published_run, wait_until_begun
from tests.support.documents import block
from tests.support.perdure_up import running
from tests.support.ports import SERVERS, free_port
from tests.support.secret_file import write_secret

PRODUCTION = read_yaml(configurations()[1])
NAMESPACE = PRODUCTION["temporal"]["namespace"]
NEWCOMER = read_yaml(block("docs/mcp-agent.md", "DocumentAnalysisWorkflow"))
ANALYSIS = published_run("DocumentAnalysisWorkflow", "1")
MODERATION = published_run("ContentModerationWorkflow", "2")
EXPORT = f"""
import asyncio, json
from perdure import history as executor
from perdure.runtime.exit import exit_process

async def export():
{indent(HISTORY.replace("workflow-id-123", ANALYSIS), "    ")}

asyncio.run(export())
exit_process(0)
"""


@asynccontextmanager
async def production(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Run servers outside the suite; Temporal requires TLS and a client certificate."""
    ports = {name: free_port() for name in SERVERS}
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server, client = authority.issue_cert("temporal.example.com"), authority.issue_cert("perdure.example.com")
    write_secret(folder / "key.pem", client.private_key_pem.bytes().decode())
    client.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", ports["temporal"])
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    servers = [nats_program(folder, ports), temporal_program(folder, ports, NAMESPACE)]
    async with supervised(servers, folder / "logs", lambda _: None):
        front = await asyncio.start_server(forward, "127.0.0.1", free_port(), ssl=context)
        try:
            yield {
                **PRODUCTION,
                "temporal": {
                    **PRODUCTION["temporal"],
                    "host": "127.0.0.1",
                    "port": front.sockets[0].getsockname()[1],
                    "tls": {
                        **PRODUCTION["temporal"]["tls"],
                        "server_name": "temporal.example.com",
                        "ca_file": str(folder / "ca.pem"),
                        "cert_file": str(folder / "cert.pem"),
                        "key_file": str(folder / "key.pem"),
                    },
                },
                "nats": {"servers": [f"nats://127.0.0.1:{ports['nats']}"]},
            }
        finally:
            front.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):  # the other side closed the connection
        while read := await reader.read(65536):
            writer.write(read)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def development(_: Path) -> AsyncIterator[dict[str, Any]]:
    yield {"execution_engine": "asyncio"}


def moderated(folder: Path) -> str:
    """Send an event, an invalid signal and a valid one by the command line, and return the result."""
    perdure(folder, "publish", "content.submitted", '{"text": "Ann likes Leeds."}', "--id", "2")
    perdure(folder, "runs", "signal", MODERATION, "reject", "--early")
    perdure(
        folder, "runs", "signal", MODERATION, "approve", '{"reviewer": "ann", "comments": "Summarise it."}', "--early"
    )
    wait_until_begun(folder, MODERATION)
    result = perdure(folder, "result", MODERATION, "--wait")
    assert "The signal reject does not fit" in perdure(folder, "runs", "show", MODERATION).stdout
    return result.stdout


def run_programs(folder: Path) -> tuple[str, str, str]:
    """Run the suite and use the command line; return both results and the first run's history."""
    with running(folder):
        published = perdure(folder, "publish", "documents.submitted", '{"path": "text.md"}', "--id", "1")
        assert published.returncode == 0, published.stderr
        result = perdure(folder, "result", ANALYSIS, "--wait")
        improved = moderated(folder)
        history = perdure(folder, "runs", "history", ANALYSIS)  # `result` may be known before the run is closed
        exported = subprocess.run(
            [sys.executable, "-c", EXPORT], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
    assert history.returncode == exported.returncode == 0, history.stderr + exported.stderr
    assert json.loads((folder / "workflow_history.json").read_text()) == json.loads(history.stdout)
    return result.stdout, improved, history.stdout


@pytest.mark.timeout(200)
@pytest.mark.parametrize("engine", [development, production])
async def test_the_same_programs_run_on_both_engines(tmp_path: Path, engine: Any) -> None:
    (tmp_path / "servers").mkdir()
    (tmp_path / "app.py").write_text(changed_programs(), encoding="utf-8")
    (tmp_path / "text.md").write_text("Ann is happy in Leeds.")
    moderation = {"on": "content.submitted", "start": "ContentModerationWorkflow", "input": "data.text"}
    async with engine(tmp_path / "servers") as servers:
        configuration = {**NEWCOMER, **servers, "routes": [*NEWCOMER["routes"], moderation]}
        (tmp_path / "perdure.yaml").write_text(yaml.safe_dump(configuration))
        result, improved, history = await asyncio.to_thread(run_programs, tmp_path)

    assert "Ann" in json.loads(result)
    assert "Leeds" in json.loads(improved)
    events = json.loads(history)["events"]
    assert events[0]["workflowExecutionStartedEventAttributes"]["taskQueue"]["name"] == servers.get("temporal", {}).get(
        "task_queue", "perdure"
    )
    assert events[-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"

"""Bots that use only NATS, a key and the message contracts: in Python, in JavaScript, and with openssl."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import nats
import pytest

from perdure.approvers import SigningKey
from perdure.contracts import to_token
from tests.support.command_line import perdure, printed
from tests.support.nats_server import nats_server
from tests.support.perdure_up import running, waiting_request

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".venv" / "npm" / "node_modules"


PROGRAMS = {"python": [sys.executable, "bot.py"], "javascript": [shutil.which("node") or "node", "bot.js"]}


def bot(folder: Path, language: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    endpoints = json.loads((folder / ".perdure" / "endpoints.json").read_text())
    seed = folder / ".perdure" / "nkeys" / "bot.nk"
    environment = {**os.environ, "NATS_URL": endpoints["nats"], "NATS_NKEY_SEED_FILE": str(seed)}
    command = [*PROGRAMS[language], str(folder / "keys" / "bot.pem"), *arguments]
    where = folder / "chatops_bot"
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "greeting", tmp_path, dirs_exist_ok=True)
    shutil.copytree(ROOT / "examples" / "chatops_bot", tmp_path / "chatops_bot")
    (tmp_path / "chatops_bot" / "node_modules").symlink_to(MODULES)
    return tmp_path


def test_a_bot_in_either_language_lists_decides_and_shows_the_receipt(folder: Path) -> None:
    with running(folder):
        assert perdure(folder, "approvers", "add", "bot", "--folder", "keys", "--protect", "none").returncode == 0
        results = {}
        for language, verb in (("python", "approve"), ("javascript", "reject")):
            assert bot(folder, language, "list").stdout == ""
            perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", language)
            request = waiting_request(folder)
            (shown,) = printed(perdure(folder, "approvals", "show", request, "--json"))
            assert bot(folder, language, "list").stdout == f"{request}\t{shown['digest'][:12]}\tSay it?\tnull\n"

            decided = bot(folder, language, verb, request, 'Grüße: \x7f\u2028 "quoted"\n')
            assert decided.stdout.startswith("accepted\taccepted\t"), decided.stderr
            assert bot(folder, language, verb, request, "once more").returncode == 1
            results[language] = json.loads(perdure(folder, "result", f"Greeting~{language}", "--wait").stdout)

        shell = decide_with_openssl(folder)

    assert results == {"python": "Hello, Ada!", "javascript": "(silence)"}
    assert shell == "Hello, Ada!"


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("variable", [{"NATS_URL": "nats://127.0.0.1:1"}, {"NATS_NKEY_SEED_FILE": "none.nk"}], ids=str)
def test_a_bot_that_cannot_start_prints_one_sentence(
    folder: Path, program: list[str], variable: dict[str, str]
) -> None:
    command, where = [*program, "bot.pem", "list"], folder / "chatops_bot"
    environment = {**os.environ, **variable}
    ended = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(("The bot failed: ", "NATS at nats://127.0.0.1:1 does not answer"))
    assert ended.stderr.count("\n") == 1


FORGERIES = {
    "action": {"pay": 3_000},
    "policy": {"people": ["bot"]},
    "digest_version": 1,
    "run_id": "another",
}


@pytest.mark.parametrize("language", PROGRAMS)
@pytest.mark.parametrize("field", FORGERIES)
async def test_a_bot_refuses_a_request_that_shows_something_else_than_its_digest_is_about(
    folder: Path, language: str, field: str
) -> None:
    vector = json.loads((ROOT / "docs" / "request-digest.json").read_text())
    forged = {**vector["request"], field: FORGERIES[field]}
    with nats_server(folder) as server:
        (url,) = server.servers
        client = await nats.connect(url, max_reconnect_attempts=100, reconnect_time_wait=0.1)
        js = client.jetstream()
        await js.add_stream(name="APPROVALS", subjects=["approvals.>"])
        await js.add_stream(name="DECISIONS", subjects=["decisions.>"])
        await js.publish("approvals.requested.Refund.Refund-42", json.dumps(forged).encode())
        SigningKey.new().write(folder / "bot.pem")
        command = [*PROGRAMS[language], str(folder / "bot.pem"), "approve", forged["request_id"]]
        environment = {**os.environ, "NATS_URL": url}
        ended = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=folder / "chatops_bot",
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        decisions = (await js.stream_info("DECISIONS")).state.messages
        await client.drain()

    assert (ended.returncode, decisions) == (1, 0)
    assert "shows something else than its digest is about: nothing is signed" in ended.stderr


def decide_with_openssl(folder: Path) -> object:
    """Do what the shell commands of the bot's README do, with Python in place of ``nats`` and ``jq``."""
    perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "shell")
    (request,) = printed(perdure(folder, "approvals", "show", waiting_request(folder), "--json"))
    pem, unsigned = str(folder / "keys" / "bot.pem"), folder / "unsigned"
    openssl = shutil.which("openssl") or "openssl"
    der = subprocess.run([openssl, "pkey", "-in", pem, "-pubout", "-outform", "DER"], capture_output=True, check=True)
    digest = subprocess.run([openssl, "sha256", "-r"], input=der.stdout[-32:], capture_output=True, check=True)
    fields = {
        "request_id": request["request_id"],
        "digest": request["digest"],
        "decision": "approve",
        "approver": "bot",
        "key_id": digest.stdout.decode()[:16],
        "nonce": "from-a-shell",
    }
    unsigned.write_text(json.dumps(fields, sort_keys=True, separators=(",", ":")))
    signing = [openssl, "pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", str(unsigned)]
    signature = b64encode(subprocess.run(signing, capture_output=True, check=True).stdout).decode()
    nats = json.loads((folder / ".perdure" / "endpoints.json").read_text())["nats"]
    publish = (
        "import asyncio, nats, sys\n"
        "async def main():\n"
        "    client = await nats.connect(sys.argv[1], nkeys_seed=sys.argv[2])\n"
        "    await client.publish(sys.argv[4], sys.argv[3].encode())\n"
        "    await client.drain()\n"
        "asyncio.run(main())\n"
    )
    subject = f"decisions.{to_token(request['workflow_id'])}"
    body = json.dumps({**fields, "signature": signature})
    seed = str(folder / ".perdure" / "nkeys" / "bot.nk")
    subprocess.run([sys.executable, "-c", publish, nats, seed, body, subject], check=True, timeout=30)
    return json.loads(perdure(folder, "result", "Greeting~shell", "--wait").stdout)

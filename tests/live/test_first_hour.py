"""The first hour of an author: init, test, up, publish, watch, approve, change, break it in ten ways.

`tests/live/test_demo.py` plays what comes before: the demo of a fresh clone.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide, next_event, running, waiting_request

MODULE_CLOCK = """from datetime import datetime
from temporalio import workflow

NOW = datetime.now()


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self) -> None: ...
"""

TEN_WAYS = [
    ("perdure.yaml", "worklfows: []", r"perdure.yaml:1: worklfows: unknown key: did you mean workflows\?"),
    (
        "perdure.yaml",
        "workflows: [greetings]\nroutes: [{on: a, start: Greting}]",
        r"perdure.yaml:2: route Greting: no workflow is called Greting: did you mean Greeting",
    ),
    (
        "perdure.yaml",
        "workflows: [greetings]\nroutes:\n  - {on: a, start: Greeting, workflow_id: 'hi-{data.id'}",
        r"perdure.yaml:3: route Greeting: `workflow_id: hi-\{data.id`: a `\{` is not closed",
    ),
    (
        "perdure.yaml",
        "workflows: [greetings]\nroutes: [{on: a, start: Greeting, when: data.}]",
        r"perdure.yaml:2: route Greeting: `when` is not CEL",
    ),
    ("perdure.yaml", "workflows: [greetins]", r"perdure.yaml:1: The workflow module greetins cannot be imported"),
    (
        "perdure.yaml",
        "workflows: [greetings]\nllm: {model: 'nowhere:model'}",
        r"perdure.yaml:2: .*nowhere",
    ),
    (
        "perdure.yaml",
        "workflows: [greetings]\nnotifier: {channels: {ops: {webhook: {url: 'http://x/', secret_variable: NOPE}}}}",
        r"perdure.yaml:2: The secret of the webhook ops is missing: the variable NOPE is empty",
    ),
    ("greetings.py", "from datetime import\n", r"greetings.py:1: .*SyntaxError"),
    ("greetings.py", '"""Mine."""\n\nimport requets\n', r"greetings.py:3: .*No module named 'requets'"),
    ("greetings.py", MODULE_CLOCK, r"greetings.py:4: .*same in every replay"),
]


def test_a_newcomer_comes_from_init_to_an_own_workflow_that_changes(tmp_path: Path) -> None:
    folder = tmp_path / "hello"

    written = perdure(tmp_path, "init", "hello")
    again = perdure(tmp_path, "init", "hello")
    tests = subprocess.run([binary("pytest"), "-q"], cwd=folder, capture_output=True, text=True, check=False)
    without = perdure(folder, "publish", "people.arrived", '{"name": "Ada"}')

    *_, publish, _ = written.stdout.splitlines()
    assert (written.returncode, again.returncode, without.returncode) == (0, 1, 75)
    assert "exists already, and nothing was written" in again.stderr
    assert (tests.returncode, "2 passed" in tests.stdout) == (0, True), tests.stdout
    assert "`perdure up`" in without.stderr or "perdure up" in without.stderr

    with running(folder, "--reload") as up:
        published = perdure(folder, *shlex.split(publish, comments=True)[1:])
        request = waiting_request(folder)
        (run,) = printed(perdure(folder, "runs", "list", "--open", "--json"))
        waiting = perdure(folder, "runs", "result", run["event_id"])
        shown = perdure(folder, "approvals", "show", request)
        approved = decide(folder, "approve", request[:-1])  # its unique start
        twice = perdure(folder, "reject", request, "--reason", "late")
        watched = perdure(folder, "watch", run["event_id"], "--from-start")
        result = perdure(folder, "result", run["workflow_id"], "--wait")
        assert "(EVENTS 1)" in published.stdout
        assert (waiting.returncode, approved.returncode, twice.returncode) == (3, 0, 1)
        assert "Say it?" in shown.stdout
        assert (watched.returncode, "completed" in watched.stdout) == (0, True)
        assert (result.returncode, result.stdout) == (0, '"Hello, Ada!"\n')
        assert "approved by" in perdure(folder, "runs", "show", run["event_id"]).stdout
        kept, in_ci = shell(folder, "Keep the history", RUN=run["workflow_id"]), shell(folder, "In CI")
        assert (kept.returncode, in_ci.returncode) == (0, 0), kept.stderr + in_ci.stderr
        assert "1 of 1 runs replay" in in_ci.stdout

        change(folder / "greetings.py", 'f"Hello, {name}!"', 'f"Welcome, {name}!"')
        next_event(up, lambda event: event.get("event") == "finished")
        perdure(folder, "publish", "people.arrived", '{"name": "Bob"}', "--id", "bob")
        decide(folder, "approve", waiting_request(folder))
        assert perdure(folder, "result", "bob", "--wait").stdout == '"Welcome, Bob!"\n'

        nowhere = perdure(folder, "publish", "people.left", "{}", "--id", "left", "--wait", "--json")
        assert (nowhere.returncode, json.loads(nowhere.stdout)["refused"]["reason"]) == (1, "no_route")

        with waiting_for_event(folder, "people.arrived", "{}", "--id", "nobody") as nobody:
            assert why(nobody).startswith("Greeting~nobody~")
            check_that_all_name_what_it_waits_for(folder, "nobody")
            change(folder / "greetings.py", 'event["name"]', 'event.get("name", "nobody")')
            decide(folder, "approve", waiting_request(folder))
            answer, _ = nobody.communicate(timeout=90)
        assert (nobody.returncode, answer) == (0, '"Welcome, nobody!"\n')
        next_event(up, lambda event: event.get("event") == "finished")
        assert perdure(folder, "doctor").returncode == 0

    change(folder / "greetings.py", "        decision =", "        await workflow.sleep(1)\n        decision =")
    broken = perdure(folder, "replay", "histories")
    assert (broken.returncode, f"✗ {run['workflow_id']}" in broken.stdout) == (1, True), broken.stderr


@pytest.mark.parametrize(("file", "text", "words"), TEN_WAYS, ids=range(1, 11))
def test_what_is_broken_is_named_with_its_line_before_anything_starts(
    tmp_path: Path, file: str, text: str, words: str
) -> None:
    perdure(tmp_path, "init", ".")
    (tmp_path / file).write_text(text)

    checked = perdure(tmp_path, "config", "check")
    started = perdure(tmp_path, "up")

    assert (checked.returncode, started.returncode) == (1, 1)
    assert re.search(words, checked.stdout), checked.stdout
    assert re.search(words, started.stderr), started.stderr
    assert not (tmp_path / ".perdure").exists()


@contextmanager
def waiting_for_event(folder: Path, *event: str) -> Iterator[subprocess.Popen[str]]:
    """Publish an event, and wait for its result meanwhile."""
    command = [binary("perdure"), "publish", *event, "--wait", "--within", "5m"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def shell(folder: Path, title: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run the commands under this title of the project's README."""
    section = (folder / "README.md").read_text().split(f"## {title}")[1]
    commands = section.split("```sh\n")[1].split("```")[0]
    for name, value in values.items():
        commands = commands.replace(name, value)
    environment = {**os.environ, "PATH": f"{Path(binary('perdure')).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["/bin/sh", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def why(process: subprocess.Popen[str]) -> str:
    """Wait until a command says why its run goes no further."""
    assert process.stderr is not None
    return next(line for line in process.stderr if "waits for mended code: KeyError: 'name' (greetings.py:" in line)


def check_that_all_name_what_it_waits_for(folder: Path, event: str) -> None:
    sentence = "waits for mended code: KeyError: 'name' (greetings.py:"
    result, listed = perdure(folder, "result", event), perdure(folder, "runs", "list", "--open")
    shown, doctor = perdure(folder, "runs", "show", event), perdure(folder, "doctor")
    again = perdure(folder, "result", event, "--json")
    assert (result.returncode, sentence in result.stderr, "Mend the code" in result.stderr) == (3, True, True)
    assert (" stuck " in listed.stdout, sentence in listed.stderr) == (True, True)
    assert "KeyError: 'name' (greetings.py:" in shown.stdout
    assert (doctor.returncode, "1 run waits (Greeting: Greeting~nobody~" in doctor.stdout) == (1, True)
    assert "KeyError: 'name'" in json.loads(again.stderr)["stuck"]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))

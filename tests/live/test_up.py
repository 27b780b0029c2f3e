"""``perdure up`` as its user meets it: a process in a terminal."""

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from perdure.contracts import to_token
from tests.support.command_line import perdure, printed, published_run, wait_until_begun
from tests.support.perdure_up import decide, running, waiting_request
from tests.support.ports import give_ports
from tests.support.suite import left_behind

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: a configuration and a module, and nothing else of the repository."""
    return shutil.copytree(EXAMPLES / "greeting", tmp_path, dirs_exist_ok=True)


def test_a_user_needs_a_module_and_a_configuration_and_the_command_line(folder: Path) -> None:
    with running(folder):
        published = perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada")
        assert "Published" in published.stdout, published.stderr
        request = waiting_request(folder)

        assert [run["workflow_id"] for run in printed(perdure(folder, "runs", "list", "--open", "--json"))] == [
            published_run("Greeting", "ada")
        ]
        assert perdure(folder, "result", "Greeting~ada").returncode == 3
        status = printed(perdure(folder, "runs", "show", "Greeting~ada", "--json"))
        assert status[-1]["status"] == "RUNNING"

        approved = printed(decide(folder, "approve", request, "--json"))
        assert approved[0]["accepted"] is True
        assert perdure(folder, "reject", request, "--reason", "late").returncode == 1

        result = perdure(folder, "result", "Greeting~ada", "--wait")
        assert json.loads(result.stdout) == "Hello, Ada!"
        story = printed(perdure(folder, "watch", "Greeting~ada", "--from-start", "--json"))
        assert [fact["kind"] for fact in story][-1] == "completed"
        checked = perdure(folder, "doctor")
        assert checked.returncode == 0, [line for line in checked.stdout.splitlines() if not line.startswith("✓")]
        spans = printed(perdure(folder, "runs", "trace", "Greeting~ada", "--json"))
        assert {span["service"] for span in spans} >= {"perdure", "ingest", "orchestrator", "notifier"}
        records = printed(perdure(folder, "audit", "tail", "--subject", "decisions", "--json"))
        assert [record["subject"] for record in records] == [f"decisions.{to_token(published_run('Greeting', 'ada'))}"]


def test_the_example_of_a_document_writes_its_report_and_a_folder_is_a_batch_of_markdown_text_and_pdf(
    tmp_path: Path,
) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    folder, documents = tmp_path / "document_analysis", tmp_path / "documents"
    with running(folder):
        event = (folder / "event.json").read_text()
        published = perdure(folder, "publish", "documents.submitted", event, "--id", "one")
        assert published.returncode == 0, published.stderr
        decide(folder, "approve", waiting_request(folder))
        report = json.loads(perdure(folder, "result", "DocumentAnalysis~one", "--wait").stdout)
        written = (documents / report["path"]).read_text()

        (documents / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
        for name in ("feedback.md", "incident.md", report["path"]):
            (documents / name).unlink()
        published = perdure(folder, "publish", "documents.submitted", '{"path": "./"}', "--id", "all")
        assert published.returncode == 0, published.stderr
        for _ in range(3):
            decide(folder, "approve", waiting_request(folder))
        batch = json.loads(perdure(folder, "result", published_run("DocumentBatch", "all"), "--wait").stdout)
        part = printed(
            perdure(folder, "watch", f"{published_run('DocumentBatch', 'all')}.offer.pdf", "--from-start", "--json")
        )

    assert report == {"path": "incident.report.md", "approved": True, "decided_by": getpass.getuser(), "comment": ""}
    assert "## Sentiment" in written
    assert {path: report["path"] for path, report in batch["reports"].items()} == {
        "contract.md": "contract.report.md",
        "minutes.txt": "minutes.txt.report.md",
        "offer.pdf": "offer.pdf.report.md",
    }
    assert "pypdf cannot read it as a PDF" in batch["failed"]["broken.pdf"]
    assert "Norrvik" in (documents / "offer.pdf.report.md").read_text()
    assert {fact["event_id"] for fact in part} == {"all"}


def test_the_examples_of_a_moderation_three_agents_and_an_essay_run_as_their_readmes_say(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "essays", tmp_path / "all")
    names = ("essays", "content_moderation", "multi_analysis")
    for name in names[1:]:
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)  # one suite for all: it takes long to start
    parts = [yaml.safe_load((EXAMPLES / name / "perdure.yaml").read_text().replace("on:", '"on":')) for name in names]
    configuration = {
        **parts[0],
        "workflows": [module for part in parts for module in part["workflows"]],
        "routes": [route for part in parts for route in part["routes"]],
    }
    (folder / "perdure.yaml").write_text(yaml.safe_dump(configuration))
    events = {"essays.submitted": "essays", "content.submitted": names[1], "documents.multi_analysis": names[2]}
    with running(folder):
        for type_, name in events.items():
            data = (EXAMPLES / name / "event.json").read_text()
            assert perdure(folder, "publish", type_, data, "--id", "one").returncode == 0
        perdure(folder, "runs", "signal", published_run("essay", "one"), "teacher_approval", '"ms lee"', "--early")
        perdure(
            folder,
            "runs",
            "signal",
            "content-one",
            "approve",
            '{"reviewer": "ann", "comments": "less loud"}',
            "--early",
        )

        runs = ("essay~one", "content-one", "MultiAgentAnalysis~one")
        for run in runs:
            wait_until_begun(folder, run)
        graded, moderated, analysed = (json.loads(perdure(folder, "result", run, "--wait").stdout) for run in runs)
        status = perdure(folder, "runs", "show", "MultiAgentAnalysis~one").stdout

    assert graded == {"report": "essay.md.report.md", "approved_by": "ms lee"}
    assert (folder / "essay.md.report.md").read_text()
    assert (moderated["outcome"], moderated["reviewer"]) == ("approved", "ann")
    assert moderated["text"]
    assert set(analysed["found"]) == {"sentiment", "entities", "summary"}
    assert "Used: 3 model requests, 0 tool calls" in status


def test_a_stopped_suite_leaves_nothing_behind_and_goes_on_where_it_was(folder: Path) -> None:
    with running(folder, ended_by=signal.SIGTERM):
        perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", "ada")
        request = waiting_request(folder)
        second = perdure(folder, "up")

        assert second.returncode == 1
        assert "already runs" in second.stderr
    assert left_behind(folder) == []
    assert not (folder / ".perdure" / "endpoints.json").exists()

    with running(folder):
        printed(decide(folder, "approve", request, "--json"))

        assert json.loads(perdure(folder, "result", "Greeting~ada", "--wait").stdout) == "Hello, Ada!"


def test_a_killed_supervisor_takes_everything_with_it(folder: Path) -> None:
    with running(folder) as up:
        endpoints = json.loads((folder / ".perdure" / "endpoints.json").read_text())
        up.kill()
        up.wait(10)
        for _ in range(100):
            if not any(_alive(pid) for pid in endpoints["pids"].values()):
                break
            time.sleep(0.1)

    assert left_behind(folder) == []


def test_a_requested_port_that_is_taken_is_reported(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        refused = perdure(folder, "up", "--nats-port", port)

    assert refused.returncode == 1
    assert f"Port {port}, requested for nats by --nats-port, is taken" in refused.stderr


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        ("mkdir -p .perdure && echo 99 > .perdure/version", "newer Perdure"),
        ("echo 'natz: {}' >> perdure.yaml", "did you mean nats?"),
        ("sed -i s/greetings/nowhere/ perdure.yaml", "nowhere cannot be imported"),
        ("sed -i 's/start: Greeting/start: Greeting, when: \"data.\"/' perdure.yaml", "is not CEL"),
    ],
)
def test_what_keeps_a_suite_from_starting_is_reported_in_a_sentence(folder: Path, prepare: str, sentence: str) -> None:
    give_ports(folder / ".perdure")
    subprocess.run(["sh", "-c", prepare], cwd=folder, check=True)  # noqa: S607 (any shell will do)

    refused = perdure(folder, "up")

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert left_behind(folder) == []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

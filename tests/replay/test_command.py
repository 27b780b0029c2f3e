"""``perdure replay`` as a process of its own, on files."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from perdure.cli.exit_codes import NO, NOT_FOUND, USAGE
from tests.replay.changes import GREET
from tests.replay.corpus import HISTORIES
from tests.support.command_line import perdure

PLAIN: Final = Path(__file__).with_name("workflows") / "plain.py"
RECORDED: Final = HISTORIES / "0.1/plain-greeting.json"
END: Final = "        import os\n        os._exit(3)\n"
BLOCK: Final = """        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the workflows of the corpus, and two runs of one of them."""
    shutil.copy(PLAIN, tmp_path / "plain.py")
    (tmp_path / "perdure.yaml").write_text("workflows: [plain]\ntemporal: {sandbox: false}\n")
    (tmp_path / "histories").mkdir()
    for name in ("plain-greeting", "another"):
        shutil.copy(RECORDED, tmp_path / f"histories/{name}.json")
    return tmp_path


def change(project: Path, old: str, new: str) -> None:
    text = (project / "plain.py").read_text()
    assert old in text
    (project / "plain.py").write_text(text.replace(old, new))


def test_runs_that_replay_are_counted_by_workflow(project: Path) -> None:
    replayed = perdure(project, "replay", "histories", "--json")

    *runs, last = objects(replayed.stdout)
    assert replayed.returncode == 0, replayed.stderr
    assert sorted((run["run"], run["workflow"], run["replays"]) for run in runs) == [
        ("another", "Greeting", True),
        ("plain-greeting", "Greeting", True),
    ]
    assert without_time(last) == {
        "runs": 2,
        "replay": 2,
        "differ": 0,
        "sample": [{"workflow": "Greeting", "build": None, "replayed": 2, "of": 2}],
    }


CORPUS: Final = {
    ("Failing", "one"): 45,
    ("Greeting", None): 5,
    ("Greeting", "one"): 100,
    ("Greeting", "two"): 60,
}
"""How many runs there are of each workflow and version."""


def test_hundreds_of_runs_are_replayed_and_counted_by_workflow_and_version(project: Path) -> None:
    for (workflow, build), count in CORPUS.items():
        for number in range(count):
            record(project / f"many/{workflow}-{build}-{number}.json", workflow, build)

    replayed, sampled = (
        perdure(project, "replay", "many", "--json"),
        perdure(project, "replay", "many", "--sample", "9"),
    )

    *runs, last = objects(replayed.stdout)
    every = sum(CORPUS.values())
    assert (replayed.returncode, sampled.returncode) == (0, 0), replayed.stderr + sampled.stderr
    assert {run["run"] for run in runs if run["replays"]} == {file.stem for file in (project / "many").iterdir()}
    assert without_time(last) == {
        "runs": every,
        "replay": every,
        "differ": 0,
        "sample": [
            {"workflow": workflow, "build": build, "replayed": count, "of": count}
            for (workflow, build), count in CORPUS.items()
        ],
    }
    assert sampled.stdout.splitlines() == [
        "Failing, version one: 9 of 45 runs",
        "Greeting: 5 of 5 runs",
        "Greeting, version one: 9 of 100 runs",
        "Greeting, version two: 9 of 60 runs",
        "32 of 32 runs replay against this code.",
    ]


def record(file: Path, workflow: str, build: str | None) -> None:
    """Write the history of a run that a worker of this build has executed, with the name of the file as its id."""
    history = json.loads((HISTORIES / f"0.1/plain-{workflow.lower()}.json").read_text())
    history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"] = file.stem
    for event in history["events"]:
        if build is not None and (completed := event.get("workflowTaskCompletedEventAttributes")) is not None:
            completed["deploymentVersion"] = {"deploymentName": "perdure", "buildId": build}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(history))


def test_a_run_that_does_not_replay_fails_the_command_and_is_named_with_its_line(project: Path) -> None:
    change(project, GREET, '        first = "Hello"\n')

    in_words = perdure(project, "replay", "histories", "--sample", "1")
    as_json = perdure(project, "replay", "histories", "--sample", "1", "--json")

    run, last = objects(as_json.stdout)
    assert (in_words.returncode, as_json.returncode) == (NO, NO)
    assert (run["event"], run["line"], run["build"]) == (5, "plain.py:42", None)
    assert f"✗ another (Greeting): {run['sentence']}\n" in in_words.stdout
    assert "Greeting: 1 of 2 runs\n0 of 1 runs replay against this code. 1 do not.\n" in in_words.stdout
    assert last["summary"]["sample"][0]["of"] == 2


@pytest.mark.parametrize(
    ("code", "sentence"), [(END, "ends the process"), (BLOCK, "does not return")], ids=["end", "block"]
)
def test_a_run_whose_code_ends_or_blocks_its_process_does_not_replay_and_the_others_do(
    project: Path, code: str, sentence: str
) -> None:
    shutil.copy(HISTORIES / "0.1/plain-failing.json", project / "histories/one.json")
    change(project, GREET, code + GREET)

    replayed = perdure(project, "replay", "histories", "--json")

    *runs, _ = objects(replayed.stdout)
    assert replayed.returncode == NO
    assert {run["workflow"]: run["replays"] for run in runs} == {"Greeting": False, "Failing": True}
    assert all(sentence in run["sentence"] for run in runs if not run["replays"])


def test_nothing_to_replay_is_no_proof(project: Path) -> None:
    (project / "empty").mkdir()

    empty = perdure(project, "replay", "empty")
    other = perdure(project, "replay", "histories", "--workflow", "Nobody", "--json")

    assert (empty.returncode, other.returncode) == (NOT_FOUND, NOT_FOUND)
    assert "empty holds no history: `perdure runs history RUN" in empty.stderr
    assert json.loads(other.stderr)["kind"] == "NotFound"


def test_a_file_that_is_no_history_is_named(project: Path) -> None:
    (project / "histories/other.json").write_text("[1]")

    replayed = perdure(project, "replay", "histories")

    assert replayed.returncode == USAGE
    assert "other.json is no history of a run" in replayed.stderr


def test_code_that_does_not_load_is_named(project: Path) -> None:
    change(project, "import asyncio\n", "import asynci\n")

    replayed = perdure(project, "replay", "histories")

    assert replayed.returncode == NO
    assert "plain.py:3" in replayed.stderr


def objects(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line["summary"].items() if name != "seconds"}

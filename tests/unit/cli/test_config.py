"""``perdure config check``: every problem with its line, before anything is started."""

import json
from pathlib import Path

from perdure.approvers import SigningKey
from tests.support.command_line import perdure
from tests.support.people import approvers_file, directory

GREETINGS = Path(__file__).parents[3] / "examples" / "greeting" / "greetings.py"


def configure(folder: Path, text: str) -> None:
    (folder / "greetings.py").write_text(GREETINGS.read_text())
    (folder / "perdure.yaml").write_text(f"workflows: [greetings]\n{text}")


def test_a_good_configuration_has_no_problem(tmp_path: Path) -> None:
    configure(tmp_path, "routes: [{on: people.arrived, start: Greeting}]\n")

    done = perdure(tmp_path, "config", "check")

    assert (done.returncode, done.stdout) == (0, "perdure.yaml: nothing is wrong.\n"), done.stderr


def test_the_problems_of_all_services_are_listed_and_up_starts_nothing(tmp_path: Path) -> None:
    configure(
        tmp_path,
        "routes:\n  - {on: a, start: Greting}\n  - {on: b, start: Greeting, workflow_id: 'x-{data.id'}\n"
        "notifier: {channels: {hook: {webhook: {url: 'http://127.0.0.1/', secret_variable: NO_SECRET}}}}\n",
    )

    done = perdure(tmp_path, "config", "check", "--json")
    up = perdure(tmp_path, "up")

    problems = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {problem["where"] for problem in problems} == {"perdure.yaml:3", "perdure.yaml:4", "perdure.yaml:5"}
    assert up.returncode == 1
    assert up.stderr.startswith("perdure: Nothing was started. 3 problems:\n")
    assert all(problem["what"] in up.stderr for problem in problems)
    assert not (tmp_path / ".perdure").exists()


def test_what_may_be_right_is_a_warning_and_no_error(tmp_path: Path) -> None:
    configure(tmp_path, "approvals: {policies: {Greting: {people: [ada]}}}\n")
    approvers_file(tmp_path / ".perdure" / "approvers.yaml", directory({"ada": SigningKey.new()}))

    done, as_json = perdure(tmp_path, "config", "check"), perdure(tmp_path, "config", "check", "--json")

    assert done.returncode == as_json.returncode == 0
    assert done.stdout.startswith("! perdure.yaml:2: approvals.policies.Greting: no module registers a workflow")
    assert "did you mean Greeting?" in done.stdout
    assert json.loads(as_json.stdout)["is_warning"]


def test_what_does_not_fit_the_settings_is_listed_too(tmp_path: Path) -> None:
    configure(tmp_path, "nats: {serves: []}\nlimits: {requests: none}\n")

    done = perdure(tmp_path, "config", "check")

    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == ["perdure.yaml:2", "perdure.yaml:3"]


def test_a_module_that_ends_the_process_or_prints_is_no_trouble(tmp_path: Path) -> None:
    configure(tmp_path, "")
    (tmp_path / "greetings.py").write_text("import os\nprint('hello', flush=True)\nos.system('echo hi')\nos._exit(3)\n")

    done = perdure(tmp_path, "config", "check")

    assert done.returncode == 1
    assert done.stdout.startswith("The check ended with 3: ")


def test_the_reference_is_printed(tmp_path: Path) -> None:
    done = perdure(tmp_path, "config", "reference")

    assert done.returncode == 0
    assert done.stdout.startswith("# Reference of `perdure.yaml`\n")

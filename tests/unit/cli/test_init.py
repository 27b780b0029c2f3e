import tomllib
from pathlib import Path

from perdure.cli.init import FILES
from tests.support.command_line import perdure
from tests.support.documents import ROOT


def test_init_writes_a_workflow_its_configuration_and_its_tests_and_prints_what_comes_next(tmp_path: Path) -> None:
    done = perdure(tmp_path, "init", "hello")

    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "hello").iterdir()) == [
        ".gitignore",
        "README.md",
        "conftest.py",
        "greetings.py",
        "perdure.yaml",
        "pyproject.toml",
        "test_greetings.py",
    ]
    first, *commands = done.stdout.splitlines()
    assert first.endswith("Next:")
    assert [command.split("#")[0].strip() for command in commands] == [
        "cd hello && pytest",
        "perdure up",
        'perdure publish people.arrived \'{"name": "Ada"}\'',
        "perdure replay histories",
    ]


def test_init_overwrites_nothing_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text("mine")

    done = perdure(tmp_path, "init")

    assert (done.returncode, done.stderr) == (
        1,
        "perdure: perdure.yaml exists already, and nothing was written: name another folder.\n",
    )
    assert [file.name for file in tmp_path.iterdir()] == ["perdure.yaml"]
    assert (tmp_path / "perdure.yaml").read_text() == "mine"


def test_init_in_a_place_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("a file")

    done = perdure(tmp_path, "init", "hello/inside")

    assert done.returncode == 1
    assert done.stderr.startswith("perdure: hello/inside cannot be written to: ")


def test_every_file_that_init_writes_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert {f"examples/greeting/{name}": f"perdure/cli/greeting/{name}" for name in FILES}.items() <= included.items()

"""The build id: what changes it, what does not, and who may set it."""

import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.builds.author_modules import author_modules
from perdure.builds.build_id import build_id, code_digest
from perdure.errors import SetupError

Project = Callable[..., None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    for variable in ("PERDURE_BUILD_ID", "TEMPORAL_WORKER_BUILD_ID"):
        monkeypatch.delenv(variable, raising=False)

    def write(**files: str) -> None:
        for name, text in files.items():
            file = tmp_path / f"{name.replace('__in__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    return write


def digest(tmp_path: Path, *workflows: str) -> str:
    return code_digest(workflows or ("flows",), [str(tmp_path)])


def names(tmp_path: Path, *workflows: str) -> list[str]:
    return [module.name for module in author_modules(workflows, [str(tmp_path)])]


def test_comments_and_formatting_make_no_new_build(project: Project, tmp_path: Path) -> None:
    project(flows="import json\nfirst = [1, 2]\n")
    before = digest(tmp_path)

    project(flows="# why\nimport json\n\nfirst = [\n    1,\n    2,  # two\n]\n")

    assert digest(tmp_path) == before


def test_a_change_of_what_a_registered_module_imports_makes_a_new_build(project: Project, tmp_path: Path) -> None:
    project(flows="def run():\n    from prices import price\n", prices="price = 1\n", other="x = 1\n")
    before = digest(tmp_path)

    project(other="x = 2\n")
    assert digest(tmp_path) == before
    project(prices="price = 2\n")
    assert digest(tmp_path) != before


def test_modules_are_found_along_every_kind_of_import(project: Project, tmp_path: Path) -> None:
    project(
        team__in____init__="from .helpers import late\n",
        team__in__flows="from . import steps\nfrom .texts import *\nimport plain, yaml\nfrom team import missing\n",
        team__in__helpers="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import typed\n",
        team__in__steps="import perdure.flow\n",
        team__in__texts="from space.inner import word\n",
        team__in__unused="",
        space__in__inner="word = 1\n",
        plain="",
        typed="",
    )

    assert names(tmp_path, "team.flows") == [
        "plain",
        "space.inner",
        "team",
        "team.flows",
        "team.helpers",
        "team.steps",
        "team.texts",
        "typed",
    ]


def test_a_circle_of_imports_ends(project: Project, tmp_path: Path) -> None:
    project(flows="import steps\n", steps="import flows\n")

    assert names(tmp_path, "flows") == ["flows", "steps"]


def test_a_registered_library_counts_but_not_what_it_imports_of_others() -> None:
    found = names(Path(sysconfig.get_path("purelib")), "typer.main")

    assert "typer.main" in found
    assert {name.partition(".")[0] for name in found} == {"typer"}


def test_perdures_own_workflow_code_is_of_the_build(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(flows="")
    before = digest(tmp_path)

    monkeypatch.setattr("perdure.builds.build_id._our_digest", lambda: "of another release")

    assert digest(tmp_path) != before


def test_variables_win_and_the_own_one_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project(flows="")
    computed = build_id(["flows"])
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "of-the-controller")
    assert build_id(["flows"]) == "of-the-controller" != computed

    monkeypatch.setenv("PERDURE_BUILD_ID", "mine")
    assert build_id(["flows"]) == "mine"


def test_an_unfit_variable_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_BUILD_ID", "../../etc")

    with pytest.raises(SetupError, match=r"PERDURE_BUILD_ID is '\.\./\.\./etc'"):
        build_id([])


def test_what_cannot_be_a_build_says_where(project: Project, tmp_path: Path) -> None:
    project(flows="import steps\n", steps="def broken(:\n")

    with pytest.raises(SetupError, match=r"steps\.py:1: .*Correct it"):
        digest(tmp_path)
    with pytest.raises(SetupError, match="The workflow module nowhere is not found"):
        digest(tmp_path, "nowhere")

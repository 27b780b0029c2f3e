"""A snapshot runs as the code was, whatever becomes of the project's files; a crash leaves a whole one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.builds import snapshot
from perdure.builds.snapshot import Snapshot, draft_snapshot, keep_snapshot, remove_snapshot, snapshots

PROGRAM = "import flows, sys; print(flows.answer())"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of a project with a module, a package, and a prompt beside them."""
    files = {
        "flows.py": "from pathlib import Path\nfrom team.words import word\n"
        "def answer(): return word + (Path(__file__).parent / 'prompts/end.txt').read_text()\n",
        "team/__init__.py": "",
        "team/words.py": "import pkgutil, importlib, team\n"
        "parts = [importlib.import_module(f'team.{it.name}') for it in pkgutil.iter_modules(team.__path__)"
        " if it.name != 'words']\nword = parts[0].word\n",
        "team/found_by_walking.py": "word = 'old'\n",
        "prompts/end.txt": "!",
        "unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".perdure"


def crash(*_: object) -> None:
    raise KeyboardInterrupt


def run(kept: Snapshot, program: str = PROGRAM) -> str:
    environment = os.environ | kept.environment()
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, text=True, capture_output=True
    ).stdout


def test_a_version_runs_as_it_was_after_every_file_has_changed(state: Path) -> None:
    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))
    for file in state.parent.rglob("*.*"):
        if state not in file.parents and file.suffix in {".py", ".txt"}:
            file.write_text("raise SystemExit('the new code')\n")

    assert run(kept) == "old!\n"
    assert run(kept, "import os; print(os.environ['PERDURE_BUILD_ID'])") == "b1\n"
    assert not (kept.folder / "unused.py").exists()


def test_a_snapshot_is_renewed_in_place_and_earlier_content_goes(state: Path) -> None:
    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))
    (state.parent / "prompts/end.txt").write_text("?")

    again = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))

    assert (again.folder, run(kept)) == (kept.folder, "old?\n")
    assert len(list((state / "versions").iterdir())) == 2  # the link and its content


def test_a_draft_changes_nothing_until_it_is_kept_and_the_next_one_takes_its_place(state: Path) -> None:
    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))
    (state.parent / "prompts/end.txt").write_text("?")
    first = draft_snapshot(state, "b1", ["flows"])
    (state.parent / "prompts/end.txt").write_text(".")

    second = draft_snapshot(state, "b1", ["flows"])

    assert (run(kept), run(second)) == ("old!\n", "old.\n")
    assert not first.folder.exists()
    assert [it.build for it in snapshots(state)] == ["b1"]


def test_a_crash_while_copying_leaves_the_earlier_snapshot(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))
    (state.parent / "prompts/end.txt").write_text("?")
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "_point", crash)
        with pytest.raises(KeyboardInterrupt):
            keep_snapshot(draft_snapshot(state, "b1", ["flows"]))

    assert run(kept) == "old!\n"
    keep_snapshot(draft_snapshot(state, "b2", ["flows"]))
    assert run(kept) == "old!\n"
    assert [it.build for it in snapshots(state)] == ["b1", "b2"]


def test_a_removed_snapshot_is_gone_and_removing_it_again_does_nothing(state: Path) -> None:
    keep_snapshot(draft_snapshot(state, "b1", ["flows"]))
    keep_snapshot(draft_snapshot(state, "b2", ["flows"]))

    remove_snapshot(state, "b1")
    remove_snapshot(state, "b1")

    assert [it.build for it in snapshots(state)] == ["b2"]
    assert len(list((state / "versions").iterdir())) == 2


def test_too_many_data_files_are_left_out_with_a_sentence(state: Path) -> None:
    for number in range(1_001):
        (state.parent / "prompts" / f"{number}.txt").touch()

    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))

    assert "more than 1,000 files" in kept.left_out
    assert (kept.folder / "flows.py").exists()
    assert not (kept.folder / "prompts").exists()


def test_large_data_files_are_left_out_and_named(state: Path) -> None:
    for number in range(4):
        (state.parent / "prompts" / f"{number}.bin").write_bytes(bytes(1024 * 1024 + 1))

    kept = keep_snapshot(draft_snapshot(state, "b1", ["flows"]))

    assert kept.left_out.endswith("were not copied: prompts/0.bin, prompts/1.bin, prompts/2.bin and 1 more")
    assert [file.name for file in (kept.folder / "prompts").iterdir()] == ["end.txt"]
    assert keep_snapshot(draft_snapshot(state, "b2", ["flows"])).left_out == kept.left_out


def test_nothing_is_said_of_a_project_whose_files_are_all_in_it(state: Path) -> None:
    assert keep_snapshot(draft_snapshot(state, "b1", ["flows"])).left_out == ""

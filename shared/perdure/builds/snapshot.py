"""A copy of the author's code for each build in the state folder, from which a version runs as long as it has runs."""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from perdure.builds.author_modules import AuthorModule, author_modules
from perdure.builds.project_files import data_files, files_below
from perdure.config.project import BUILD_VARIABLE, project_folder

__all__ = ["Snapshot", "draft_snapshot", "keep_snapshot", "remove_snapshot", "snapshots"]

_FOLDER: Final = "versions"  # in the state folder
_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The code of one build.

    Attributes:
        build: The build id.
        folder: Where it lies: ``<state>/versions/<build>``, a symbolic link to the newest content; of a draft, this.
        left_out: Which of the project's data files are not in it, and why; empty if all are.
    """

    build: str
    folder: Path
    left_out: str = ""

    def environment(self) -> dict[str, str]:
        """Return the variables with which a Python process runs this code; the working folder stays the project's.

        Modules that the snapshot does not have, as those that a program imports by a computed name, are taken from
        where they lie now.
        """
        path = [str(self.folder), str(project_folder()), os.environ.get("PYTHONPATH", "")]
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PYTHONSAFEPATH": "1",  # the working folder, which comes first without this, has today's code
            BUILD_VARIABLE: self.build,
        }


def draft_snapshot(state: Path, build: str, workflows: Iterable[str], path: Sequence[str] | None = None) -> Snapshot:
    """Copy the code that lies here into the state folder, beside an earlier copy of this build.

    It holds the modules of ``workflows:`` and the author's modules that they import, each with its whole package, and
    the other files of the project's folder; see ``data_files`` for their limits. It lasts until the next draft, unless
    it is kept. Whoever calls this holds the lock of the state folder.

    Args:
        state: The state folder.
        build: The id of this code.
        workflows: The names of ``workflows:``.
        path: See ``author_modules``.

    Raises:
        SetupError: A module is not found, or its source is not Python.
        OSError: The state folder cannot be written.
    """
    root = state.resolve() / _FOLDER
    root.mkdir(parents=True, exist_ok=True)
    _remove_drafts(root)
    files, left_out = _files(author_modules(workflows, path), root.parent)
    draft = root / f".draft-{build}"
    digest = _copy(files, draft)
    content = root / f".{build}-{digest[:_DIGITS]}"
    if content.exists():
        shutil.rmtree(draft)
    else:
        draft.rename(content)
    return Snapshot(build, content, left_out)


def keep_snapshot(draft: Snapshot) -> Snapshot:
    """Let a draft take the place of an earlier copy of its build; a crash leaves the earlier one or this.

    Raises:
        OSError: The state folder cannot be written.
    """
    root = draft.folder.parent
    link = root / draft.build
    _point(link, draft.folder)
    _remove_drafts(root)
    return Snapshot(draft.build, link, draft.left_out)


def snapshots(state: Path) -> list[Snapshot]:
    """Return the snapshots of a state folder, in the order in which they were made or renewed."""
    links = [entry for entry in _entries(state.resolve() / _FOLDER) if entry.is_symlink() and entry.is_dir()]
    return [Snapshot(link.name, link) for link in sorted(links, key=lambda it: (it.lstat().st_mtime_ns, it.name))]


def remove_snapshot(state: Path, build: str) -> None:
    """Remove the snapshot of a build, if there is one; no process may run from it any more."""
    root = state.resolve() / _FOLDER
    (root / build).unlink(missing_ok=True)
    _remove_drafts(root)


def _files(modules: Sequence[AuthorModule], state: Path) -> tuple[dict[Path, Path], str]:
    """Return the files by the path that each has in the snapshot, and which data files are left out."""
    found: dict[Path, Path] = {}
    for module in modules:
        root, name = _root(module), module.name.partition(".")[0]
        if (root / name).is_dir():
            found |= {
                Path(name, file.relative_to(root / name)): file for file in files_below(root / name, without=state)
            }
        found[module.file.relative_to(root)] = module.file
    folder = project_folder()
    data, left_out = data_files(folder, without=state)
    return {file.relative_to(folder): file for file in data} | found, left_out


def _root(module: AuthorModule) -> Path:
    """Return the folder from which a module is imported."""
    levels = module.name.count(".") + (1 if module.file.name == "__init__.py" else 0)
    return module.file.parents[levels]


def _copy(files: dict[Path, Path], folder: Path) -> str:
    """Copy files into a new folder, and return the digest of it all."""
    digest = sha256()
    for path, source in sorted(files.items()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = source.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        with target.open("wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
    folder.mkdir(exist_ok=True)
    return digest.hexdigest()


def _point(link: Path, content: Path) -> None:
    draft = link.with_name(f".link-{link.name}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(content.name)
    draft.replace(link)


def _remove_drafts(root: Path) -> None:
    """Remove every content that no snapshot points to: an earlier one, or what a crash has left."""
    used = {entry.resolve() for entry in _entries(root) if entry.is_symlink() and not entry.name.startswith(".")}
    for entry in _entries(root):
        if entry.is_symlink() and entry.name.startswith("."):
            entry.unlink()
        elif not entry.is_symlink() and entry not in used:
            shutil.rmtree(entry)


def _entries(root: Path) -> list[Path]:
    return list(root.iterdir()) if root.is_dir() else []

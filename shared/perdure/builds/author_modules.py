"""Finds the modules that the registered ones import, without importing any: those that are the author's."""

import ast
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from perdure.config.project import project_folder
from perdure.errors import SetupError

__all__ = ["AuthorModule", "author_modules", "import_path"]

_OURS: Final = "perdure"  # names that begin so are reserved
_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_SEARCHED_BY_PATH: Final = (BuiltinImporter, FrozenImporter, PathFinder)


@dataclass(frozen=True, slots=True)
class AuthorModule:
    """A module of the author.

    Attributes:
        name: Its whole name, as in ``my_team.workflows``.
        file: Its source.
        tree: Its syntax tree.
    """

    name: str
    file: Path
    tree: ast.Module


def import_path() -> list[str]:
    """Return where services look for modules: ``sys.path``, and the project's folder if that does not have it."""
    folder = str(project_folder())
    known = [os.path.abspath(it) for it in sys.path]  # noqa: PTH100 ("" is the working folder)
    return known if folder in known else [folder, *known]


def author_modules(registered: Iterable[str], path: Sequence[str] | None = None) -> list[AuthorModule]:
    """Return the registered modules and the author's modules that they import, sorted by name.

    Imports that stand in functions count too; those that a program computes, as with ``import_module``, are not seen.
    Installed libraries are not the author's, unless a registered module is of them; what is installed as editable is.

    Args:
        registered: The names of ``workflows:``.
        path: Where to look; by default ``import_path()``.

    Raises:
        SetupError: A module is not found, or its source is not Python.
    """
    search = _Search(import_path() if path is None else path, {name.partition(".")[0] for name in registered})
    for name in registered:
        if search.add(name) is None:
            raise SetupError(
                f"The workflow module {name} is not found. It must be installed, or lie in the project's folder, or in "
                "PYTHONPATH."
            )
    return sorted(search.found.values(), key=lambda module: module.name)


class _Search:
    """One walk along imports.

    Args:
        path: Where top-level modules are looked for.
        packages: Packages that are the author's, also if they are installed as a library.
    """

    def __init__(self, path: Sequence[str], packages: set[str]) -> None:
        self._path, self._packages = path, packages
        self._specs: dict[str, ModuleSpec | None] = {}
        self.found: dict[str, AuthorModule] = {}

    def add(self, name: str) -> ModuleSpec | None:
        """Add a module, the packages around it, and what they import; return None if there is no such module."""
        if name in self._specs:
            return self._specs[name]
        self._specs[name] = spec = self._find(name)
        if spec is not None and (file := self._source(name, spec)):
            self.found[name] = module = AuthorModule(name, file, _parsed(file))
            for imported in _imported(module, is_package=spec.submodule_search_locations is not None):
                self.add(imported)
        return spec

    def _find(self, name: str) -> ModuleSpec | None:
        package, _, _ = name.rpartition(".")
        if not package:
            return _top_level(name, self._path)
        around = self.add(package)
        if around is None or around.submodule_search_locations is None:
            return None
        return PathFinder.find_spec(name, list(around.submodule_search_locations))

    def _source(self, name: str, spec: ModuleSpec) -> Path | None:
        """Return the source of a module if it is the author's."""
        top = name.partition(".")[0]
        if not spec.has_location or spec.origin is None or not spec.origin.endswith(".py"):
            return None
        if top == _OURS or top.startswith(f"{_OURS}_"):
            return None
        is_library = os.path.abspath(spec.origin).startswith(_LIBRARIES)  # noqa: PTH100 (compared as text)
        return None if is_library and top not in self._packages else Path(spec.origin)


def _top_level(name: str, path: Sequence[str]) -> ModuleSpec | None:
    if name in sys.stdlib_module_names:
        return None
    found = PathFinder.find_spec(name, path)
    if found is not None:
        return found
    others = [finder for finder in sys.meta_path if finder not in _SEARCHED_BY_PATH]  # those of editable installs
    return next((spec for finder in others if (spec := finder.find_spec(name, None))), None)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise SetupError(f"{file}:{error.lineno}: {error.msg}. Correct it.") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read: {error}.") from error


def _imported(module: AuthorModule, *, is_package: bool) -> Iterator[str]:
    """Yield the names that a module may import: of ``from a import b``, both ``a`` and ``a.b``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module.name, is_package=is_package)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names if alias.name != "*")


def _absolute(node: ast.ImportFrom, name: str, *, is_package: bool) -> str:
    """Return the name of the module that ``from … import`` names, which may be relative."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    around = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*around, *([node.module] if node.module else [])])

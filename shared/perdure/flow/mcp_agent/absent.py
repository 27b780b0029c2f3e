"""The names of mcp-agent that do not exist here: using one raises a sentence with what to do instead."""

import sys
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from itertools import chain
from typing import Any, Final

from perdure.flow.mcp_agent.absent_table import ABSENT

__all__ = ["absent_attribute", "absent_names", "explain_absent_modules", "refuse_options"]

_PACKAGE: Final = __name__.rpartition(".")[0]
_PAGE: Final = "docs/mcp-agent.md lists the names that exist"


def absent_names(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of one of our modules.

    It raises ``ImportError`` for a name of mcp-agent, because Python replaces the text of an ``AttributeError`` in
    ``from … import``.
    """

    def find(name: str) -> Any:
        if instead := _instead_of_name(name):
            raise ImportError(_sentence(module, name, instead))
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules[module])

    return find


def absent_attribute(place: str, name: str, owner: object) -> AttributeError:
    """Return the error for an attribute that a class does not have."""
    kind = place.rpartition(".")[2]
    instead = _instead(place, name)
    text = _sentence(kind, name, instead) if instead else f"{kind!r} object has no attribute {name!r}"
    return AttributeError(text, name=name, obj=owner)


def refuse_options(place: str, options: Iterable[str]) -> None:
    """Refuse options that only mcp-agent has.

    Raises:
        TypeError: There is one; the message has what to do instead.
    """
    for option in options:
        if instead := _instead(place, option):
            raise TypeError(_sentence(place.rpartition(".")[2], option, instead))


def explain_absent_modules() -> None:
    """Let the import of a module that mcp-agent has, and Perdure has not, fail with a sentence."""
    sys.meta_path.append(_AbsentModules())


class _AbsentModules(MetaPathFinder):
    """The last finder: it is asked only for modules that no other has found."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 (Python's)
        package, _, name = fullname.partition(f"{_PACKAGE}.")
        if package or not name:
            return
        instead = _instead_of_module(name) or _instead_of_name(name.rpartition(".")[2]) or _PAGE
        raise ModuleNotFoundError(_sentence(_PACKAGE, name, instead))  # without a name, so that Python shows the text


def _instead(place: str, name: str) -> str | None:
    return next((row.instead for row in ABSENT if row.place == place and name in row.names), None)


def _instead_of_name(name: str) -> str | None:
    """Return what to do instead of a name of any module: programs import from the package, too."""
    return next((row.instead for row in ABSENT if row.is_module and name in row.names), None)


def _instead_of_module(name: str) -> str | None:
    """Return what to do instead of a module; Python imports the package that it is in before the module itself."""
    rows = [row for row in ABSENT if row.is_module]
    inside = (row.instead for row in rows if f"{name}.".startswith(f"{row.place}."))
    around = (row.instead for row in rows if row.place.startswith(f"{name}."))
    return next(chain(inside, around), None)


def _sentence(owner: str, name: str, instead: str) -> str:
    return f"{owner} has no {name} of mcp-agent: {instead}."

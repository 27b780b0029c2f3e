"""Imports the modules that ``workflows:`` names; what is wrong in one is reported with its file and line."""

from importlib import import_module
from traceback import walk_tb
from types import ModuleType

from perdure.config.problem import InvalidConfiguration, Problem
from perdure.values.author_code import author_place

__all__ = ["import_user_module"]


def import_user_module(name: str) -> ModuleType:
    """Import a module of workflows, activities or functions.

    Raises:
        InvalidConfiguration: It cannot be imported. The problem names the line of the user's code, if one is at fault.
    """
    if not name or name.startswith("."):
        what = f"{name!r} is not the name of a module: write the whole name, as in my_team.workflows."
        raise InvalidConfiguration(Problem(what=what))
    try:
        return import_module(name)
    except ImportError as error:
        place = author_place(error)
        advice = _advice(error) if place else _WHERE_IT_MUST_BE
        what = f"The workflow module {name} cannot be imported ({error}). {advice}"
        raise InvalidConfiguration(Problem(where=place or "", what=what)) from error
    except (Exception, SystemExit) as error:  # the code is the user's: it may raise anything
        what = f"The workflow module {name} breaks while it is imported ({type(error).__name__}: {error})."
        raise InvalidConfiguration(Problem(where=author_place(error) or "", what=what)) from error


def _advice(error: ImportError) -> str:
    """Return what to do; mcp-agent breaks while it is imported if it is installed, because it needs an older mcp."""
    modules = [error.name or "", *(str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))]
    if any(name.partition(".")[0] == "mcp_agent" for name in modules):
        return "A program for mcp-agent imports from `perdure.flow.mcp_agent` instead of `mcp_agent`."
    return "Correct the import, or install what it needs."


_WHERE_IT_MUST_BE = "It must be installed, or lie in the folder in which Perdure is started, or in PYTHONPATH."

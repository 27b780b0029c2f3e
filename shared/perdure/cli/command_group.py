"""A group of commands: loaded when needed, options on either side of the sub-command, errors in one form."""

import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Final, NamedTuple

import typer
from typer._click import ClickException, Command, Context, HelpFormatter  # typer's own copy of click
from typer.core import TyperGroup, TyperOption
from typer.main import get_group

from perdure.cli.exit_codes import INTERRUPTED, code_of
from perdure.errors import PerdureError, SetupError
from perdure.local.absence import refuse_absent_suite
from perdure.runtime.stderr import print_error
from perdure.values.printable import indented

__all__ = ["CommandGroup", "Entry", "OnSuite", "commands_of", "new_group"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_JSON: Final = "--json"
_HELP: Final = frozenset({"-h", "--help"})


class Entry(NamedTuple):
    """A command in the list of its group, which is printed without importing it.

    Attributes:
        module: It has a function ``register(app)`` that adds the command.
        help: The first line of the command's own help.
    """

    module: str
    help: str


class OnSuite(Entry):
    """A command that needs a running suite: without one it fails before it is imported."""


class CommandGroup(TyperGroup):
    """A group whose commands are imported one by one, when they are called.

    Options that stand before a sub-command are moved behind it. Errors are printed as text, or as JSON with ``--json``.

    Attributes:
        modules: The commands that are not imported yet, by name, in the order of the help.
        default: The command that runs if none is named.
    """

    modules: ClassVar[Mapping[str, Entry]] = {}
    default: ClassVar[str | None] = None

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 (of the base class)
        """Return the names of all commands."""
        return list({**self.modules, **self.commands})

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import a command, or return None if there is none of this name."""
        if cmd_name in self.modules:
            return self._load(cmd_name)
        if cmd_name not in self.commands:
            self.commands = {name: self._load(name) for name in self.list_commands(ctx)}  # the error suggests others
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the list of commands."""
        if not self.modules:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.modules.items()])

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the arguments of this group, and leave those of the sub-command.

        Raises:
            Unavailable: The sub-command needs a suite, and there is none.
        """
        words = self._reordered(args)
        if self.default is not None and _HELP.isdisjoint(words) and all(word.startswith("-") for word in words[:1]):
            words = [self.default, *words]
        if words and isinstance(self.modules.get(words[0]), OnSuite) and _HELP.isdisjoint(words):
            refuse_absent_suite()
        return super().parse_args(ctx, words)

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run the command line, and end the process with the exit code of the result."""
        arguments = list(sys.argv[1:] if args is None else args)
        as_json = _JSON in arguments[: arguments.index("--") if "--" in arguments else None]
        try:
            code = super().main(arguments, *more, **{**options, "standalone_mode": False})
        except ClickException as error:
            if as_json:
                _print_json_error("UsageError", error.format_message(), error.exit_code)
            else:
                error.message = indented(error.message, "  ")  # arguments may be pasted from anywhere
                error.show()
            sys.exit(error.exit_code)
        except PerdureError as error:
            _print(error, as_json=as_json)
            sys.exit(code_of(error))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            where = f" for {error.filename}" if error.filename else ""
            full = SetupError(f"No space is left on the disk{where}: make room, and try again.")
            _print(full, as_json=as_json)
            os._exit(code_of(full))  # at an ordinary end, Python would try to print the rest once more
        except (typer.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        sys.exit(code or 0)

    def _reordered(self, args: list[str]) -> list[str]:
        """Put the sub-command first if options precede it that it knows and this group does not."""
        if not args or not args[0].startswith("-") or self._takes(args[:1]):
            return args
        for place, word in enumerate(args):
            if (word in self.modules or word in self.commands) and _takes(self._load(word), args[:place]):
                return [word, *args[:place], *args[place + 1 :]]
        return args

    def _load(self, name: str) -> Command:
        if name not in self.commands:
            app = typer.Typer(rich_markup_mode=None)
            import_module(self.modules[name].module).register(app)
            self.commands[name] = get_group(app).commands[name]
        return self.commands[name]

    def _takes(self, words: list[str]) -> bool:
        own = {name for option in self.params for name in (*option.opts, *option.secondary_opts)}
        return words[0].partition("=")[0] in own | _HELP


def new_group(help_: str, modules: Mapping[str, Entry] | None = None, *, default: str | None = None) -> typer.Typer:
    """Return a group with commands by name and module.

    Args:
        help_: What it is for.
        modules: The commands.
        default: The command that runs if the group is called alone; by default its help is printed.
    """
    own = type("CommandGroup", (CommandGroup,), {"modules": modules or {}, "default": default})
    return typer.Typer(cls=own, no_args_is_help=default is None, help=help_, rich_markup_mode=None)


def commands_of(group: TyperGroup) -> dict[str, Command]:
    """Import the commands of a group, and return them by name, in the order of its help."""
    context = Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def _takes(command: Command, words: list[str]) -> bool:
    """Return whether the words are options of this command, or of one below it, with their values."""
    if isinstance(command, TyperGroup):
        return any(_takes(below, words) for below in commands_of(command).values())
    known = {
        name: option
        for option in command.params
        if isinstance(option, TyperOption)
        for name in (*option.opts, *option.secondary_opts)
    }
    waiting = list(words)
    while waiting:
        name, equals, _ = waiting.pop(0).partition("=")
        if name not in known:
            return False
        if not equals and not known[name].is_flag:
            del waiting[:1]
    return True


def _print(error: PerdureError, *, as_json: bool) -> None:
    if as_json:
        _print_json_error(type(error).__name__, str(error), code_of(error))
    else:
        print_error(f"perdure: {error}")


def _print_json_error(kind: str, message: str, code: int) -> None:
    print_error(json.dumps({"error": message, "kind": kind, "exit_code": code}))

"""A group of commands: options before or after the sub-command, and every error in one form."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer._click import ClickException, Command  # typer's own copy of click
from typer.core import TyperGroup, TyperOption

from perdure.cli.exit_codes import INTERRUPTED, code_of
from perdure.errors import PerdureError

__all__ = ["CommandGroup", "new_group"]

_JSON = "--json"


class CommandGroup(TyperGroup):
    """Moves options that stand before a sub-command behind it, and prints errors as text or as JSON."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """Parse the arguments of this group, and leave those of the sub-command."""
        return super().parse_args(ctx, self._reordered(args))

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
                error.show()
            sys.exit(error.exit_code)
        except PerdureError as error:
            if as_json:
                _print_json_error(type(error).__name__, str(error), code_of(error))
            else:
                typer.echo(f"perdure: {error}", err=True)
            sys.exit(code_of(error))
        except (typer.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        sys.exit(code or 0)

    def _reordered(self, args: list[str]) -> list[str]:
        """Put the sub-command first if options precede it that it knows and this group does not."""
        if not args or not args[0].startswith("-") or self._takes(args[:1]):
            return args
        for place, word in enumerate(args):
            command = self.commands.get(word)
            if command is not None and _takes(command, args[:place]):
                return [word, *args[:place], *args[place + 1 :]]
        return args

    def _takes(self, words: list[str]) -> bool:
        own = {name for option in self.params for name in (*option.opts, *option.secondary_opts)}
        return words[0].partition("=")[0] in own | {"-h", "--help"}


def new_group(help_: str) -> typer.Typer:
    """Return an empty group of commands that prints its help if it is called alone."""
    return typer.Typer(cls=CommandGroup, no_args_is_help=True, help=help_, rich_markup_mode=None)


def _takes(command: Command, words: list[str]) -> bool:
    """Return whether the words are options of this command, or of one below it, with their values."""
    if isinstance(command, TyperGroup):
        return any(_takes(below, words) for below in command.commands.values())
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


def _print_json_error(kind: str, message: str, code: int) -> None:
    typer.echo(json.dumps({"error": message, "kind": kind, "exit_code": code}), err=True)

"""The reference of all commands as Markdown, made from the command tree; ``make reference`` writes it."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from perdure.cli import exit_codes

__all__ = ["command_reference"]

_HEAD: Final = """\
# Commands

Made by `make reference` from the code: change the help texts there. `-h` after a command prints the same.
Options may stand before or after a sub-command. Every command that prints has `--json`: one object a line on standard
output; an error is one object on standard error, with `error`, `kind` and `exit_code`.
"""
_KINDS: Final = {"int": "NUMBER", "float": "NUMBER", "Path": "PATH", "datetime": "TIME"}
_EXAMPLE: Final = "Example: "

_Command = TyperCommand | TyperGroup
_Parameter = TyperArgument | TyperOption


def command_reference(app: typer.Typer) -> str:
    """Return a section for each command that is not hidden, in the order of the command line's own help."""
    parts = [_HEAD, _exit_codes(), *_sections(_known(get_command(app)), "perdure")]
    return "\n".join(parts)


def _exit_codes() -> str:
    """Return the table of exit codes: each constant of the module with the text below it."""
    body = ast.parse(inspect.getsource(exit_codes)).body
    rows = [
        (getattr(exit_codes, constant.target.id), text.value.value)
        for constant, text in pairwise(body)
        if isinstance(constant, ast.AnnAssign)
        and isinstance(constant.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    ]
    cells = [f"| {code} | {_cell(str(meaning))} |" for code, meaning in [(0, "Done."), *sorted(rows)]]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "| --- | --- |", *cells, ""])


def _sections(command: _Command, path: str) -> Iterator[str]:
    if path != "perdure":
        yield _section(command, path)
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from _sections(_known(child), f"{path} {name}")


def _section(command: _Command, path: str) -> str:
    shown = [it for it in command.params if isinstance(it, _Parameter) and not it.hidden]
    usage = " ".join([path, *(_usage(it) for it in shown if isinstance(it, TyperArgument))])
    lines = [f"## {path}", "", inspect.cleandoc(command.help or ""), ""]
    if not isinstance(command, TyperGroup):
        lines += ["```", f"{usage} [OPTIONS]" if any(isinstance(it, TyperOption) for it in shown) else usage, "```", ""]
    note, _, example = (command.epilog or "").partition(_EXAMPLE)
    if note:
        lines += [note.strip(), ""]
    if shown:
        lines += ["| argument or option | meaning |", "| --- | --- |", *map(_row, shown), ""]
    if example:
        lines += ["```sh", example, "```", ""]
    return "\n".join(lines)


def _usage(argument: TyperArgument) -> str:
    name = _name(argument) + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _row(parameter: _Parameter) -> str:
    shown = parameter.default not in {None, "", False} and parameter.show_default is not False
    default = f" By default `{parameter.default}`." if shown and not callable(parameter.default) else ""
    return f"| `{_name(parameter)}` | {_cell(parameter.help or '')}{default} |"


def _name(parameter: _Parameter) -> str:
    if isinstance(parameter, TyperArgument):
        return parameter.metavar or parameter.name.upper()
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    choices = parameter.type_descriptor.choices
    kind = _KINDS.get(parameter.bare_type(), "TEXT") if choices is None else "/".join(map(str, choices))
    return f"{names} {parameter.metavar or kind}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("``", "`").split())


def _known(command: object) -> _Command:
    if not isinstance(command, TyperCommand | TyperGroup):
        raise TypeError(f"{command!r} is no command of typer")
    return command


if __name__ == "__main__":
    from perdure.cli.app import app

    print(command_reference(app), end="")  # noqa: T201 (its output is the page)

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
from perdure.cli.command_group import commands_of

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
    shown: dict[str, str] = {}
    parts = [_HEAD, _exit_codes()]
    for path, command in _walk(get_command(app), "perdure"):
        body = _body(command)
        full = shown.setdefault(body, path)
        usage = "" if isinstance(command, TyperGroup) else f"```\n{_usage(command, path)}\n```\n\n"
        parts.append(f"## {path}\n\n" + (f"Short for `{full}`.\n" if full != path else usage + body))
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


def _walk(command: object, path: str) -> Iterator[tuple[str, _Command]]:
    """Yield all commands below one, parents first."""
    if not isinstance(command, TyperGroup):
        return
    for name, child in commands_of(command).items():
        if isinstance(child, TyperCommand | TyperGroup) and not child.hidden:
            yield f"{path} {name}", child
            yield from _walk(child, f"{path} {name}")


def _body(command: _Command) -> str:
    """Return the help of a command, its parameters and its example."""
    note, _, example = (command.epilog or "").partition(_EXAMPLE)
    shown = [it for it in command.params if isinstance(it, _Parameter) and not it.hidden]
    lines = [inspect.cleandoc(command.help or ""), ""]
    if note:
        lines += [note.strip(), ""]
    if shown:
        lines += ["| argument or option | meaning |", "| --- | --- |", *map(_row, shown), ""]
    if example:
        lines += ["```sh", example, "```", ""]
    return "\n".join(lines)


def _usage(command: _Command, path: str) -> str:
    arguments = [it for it in command.params if isinstance(it, TyperArgument)]
    names = [_name(it) + ("..." if it.nargs != 1 else "") for it in arguments]
    words = [name if it.required else f"[{name}]" for name, it in zip(names, arguments, strict=True)]
    return " ".join([path, *words, *(["[OPTIONS]"] if len(command.params) > len(arguments) else [])])


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


if __name__ == "__main__":
    from perdure.cli.app import app

    print(command_reference(app), end="")  # noqa: T201 (its output is the page)

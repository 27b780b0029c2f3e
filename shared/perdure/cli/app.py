"""The command line: all commands."""

from importlib import import_module
from typing import Final

import typer

from perdure.cli.command_group import CommandGroup

__all__ = ["app", "main"]

app = typer.Typer(
    name="perdure",
    cls=CommandGroup,
    help="Events on NATS become AI workflows that do not break.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COMMANDS: Final = (
    "up",
    "demo",
    "init",
    "config",
    "publish",
    "signal",
    "watch",
    "runs",
    "history",
    "approvals",
    "decide",
    "inbox",
    "delegate",
    "keys",
    "nats",
    "dlq",
    "audit",
    "trace",
    "routes",
    "contracts",
    "doctor",
    "verify",
    "chaos",
)
for _command in _COMMANDS:
    import_module(f"perdure.cli.{_command}").register(app)


def main() -> None:
    """Run the command line."""
    app()

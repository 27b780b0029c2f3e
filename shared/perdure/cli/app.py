"""The command line: all commands, and their exit codes: 0 done, 1 failed, 2 wrong usage."""

import sys
from importlib import import_module
from typing import Final

import typer

from perdure.errors import PerdureError

__all__ = ["app", "main"]

app = typer.Typer(
    name="perdure",
    help="Events on NATS become AI workflows that do not break.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

_COMMANDS: Final = (
    "up",
    "demo",
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
    try:
        app()
    except PerdureError as error:
        print(f"perdure: {error}", file=sys.stderr)  # noqa: T201 (a command line prints)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

"""The command line: the tree of all commands."""

from importlib.metadata import version
from typing import Annotated, ClassVar, Final

import typer

from perdure.cli.command_group import CommandGroup

__all__ = ["app", "main"]

_HELP: Final = "Events on NATS become AI workflows that do not break."
_EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 the answer is no (failed, rejected, refused), 2 wrong usage, 3 stored and not judged yet, "
    "or still running, 4 not found, 75 unreachable and safe to try again."
)


class _Commands(CommandGroup):
    modules: ClassVar = {
        "up": "perdure.cli.up",
        "demo": "perdure.cli.demo",
        "init": "perdure.cli.init",
        "doctor": "perdure.cli.doctor",
        "publish": "perdure.cli.publish",
        "runs": "perdure.cli.runs",
        "approvals": "perdure.cli.approvals",
        "approvers": "perdure.cli.approvers",
        "dlq": "perdure.cli.dlq",
        "routes": "perdure.cli.routes",
        "audit": "perdure.cli.audit",
        "config": "perdure.cli.config",
        "admin": "perdure.cli.admin",
        # short forms of what people type every day
        "watch": "perdure.cli.runs.watch",
        "result": "perdure.cli.runs.result",
        "approve": "perdure.cli.approvals.decide",
        "reject": "perdure.cli.approvals.decide",
        "inbox": "perdure.cli.approvals.inbox",
    }


app = typer.Typer(
    name="perdure",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"perdure {version('perdure')}")
        raise typer.Exit


@app.callback(help=_HELP, epilog=_EXIT_CODES)
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Handle the options of ``perdure`` itself."""


def main() -> None:
    """Run the command line."""
    app()

"""The command line: the tree of all commands."""

from typing import Annotated, ClassVar, Final

import typer

from perdure.cli.command_group import CommandGroup, Entry, OnSuite

__all__ = ["app", "main"]

_HELP: Final = "Events on NATS become AI workflows that do not break."
_EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 the answer is no (failed, rejected, refused), 2 wrong usage, 3 stored and not judged yet, "
    "or still running, 4 not found, 75 unreachable and safe to try again."
)


class _Commands(CommandGroup):
    modules: ClassVar = {
        "up": Entry("perdure.cli.up", "Run NATS, Temporal and the services until Ctrl-C or SIGTERM."),
        "deploy": Entry("perdure.cli.deploy", "Roll out the code that lies here, and move the open runs that fit."),
        "demo": Entry("perdure.cli.demo", "Kill the orchestrator in the middle of a run and watch it complete."),
        "init": Entry("perdure.cli.init", "Write a workflow, its configuration and its tests."),
        "doctor": Entry("perdure.cli.doctor", "Look at the installation, the configuration and the running suite."),
        "pause": OnSuite("perdure.cli.pause", "Stop the whole suite: nothing starts, and nothing is lost."),
        "resume": OnSuite("perdure.cli.resume", "Let a paused suite go on."),
        "console": OnSuite("perdure.cli.console", "Print a link to the console, which works once."),
        "publish": OnSuite("perdure.cli.publish", "Publish an event, and print its id and its place in the stream."),
        "explain": Entry("perdure.cli.explain", "Explain what became of an event, run, request or decision."),
        "runs": Entry("perdure.cli.runs", "Find, follow, signal, update, query, pause, cancel and repeat runs."),
        "approvals": Entry("perdure.cli.approvals", "List and decide approval requests."),
        "approvers": Entry("perdure.cli.approvers", "List, add and revoke approvers and their keys."),
        "dlq": OnSuite("perdure.cli.dlq", "List, show, resend and drop dead letters."),
        "routes": Entry("perdure.cli.routes", "Try events on the routes, see what waits, and backfill."),
        "replay": Entry("perdure.cli.replay", "Replay runs against the code that lies here, and name what differs."),
        "versions": Entry("perdure.cli.versions", "List, promote and retire versions of the code."),
        "audit": Entry("perdure.cli.audit", "Read the audit record, and prove it to others."),
        "config": Entry("perdure.cli.config", "Check the configuration, and look up its keys."),
        "admin": Entry("perdure.cli.admin", "Set up NATS, Temporal and contracts, and check a suite."),
        # short forms of what people type every day
        "watch": OnSuite("perdure.cli.runs.watch", "Show progress live; of one run, until it ends."),
        "result": OnSuite("perdure.cli.runs.result", "Print the result of a run as JSON; with --json, its last fact."),
        "approve": OnSuite("perdure.cli.approvals.decide", "Show a request, ask, approve it, wait for the receipt."),
        "reject": OnSuite("perdure.cli.approvals.decide", "Show a request, ask, reject it, wait for the receipt."),
        "inbox": OnSuite("perdure.cli.approvals.inbox", "Decide open approval requests on the whole screen."),
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
        from importlib.metadata import version

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

"""``perdure approvals``: list and decide approval requests."""

from typing import Final

import typer

from perdure.cli.command_group import Entry, OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "list": OnSuite(f"{__name__}.list", "List open approval requests, oldest first, or settled ones."),
    "show": OnSuite(f"{__name__}.show", "Show a request, open or settled: text, policy, votes, outcome."),
    "watch": OnSuite(f"{__name__}.watch", "Print requests, reminders, escalations and outcomes as they come."),
    "inbox": OnSuite(f"{__name__}.inbox", "Decide open approval requests on the whole screen."),
    "approve": OnSuite(f"{__name__}.decide", "Show a request, ask, approve it, wait for the receipt."),
    "reject": OnSuite(f"{__name__}.decide", "Show a request, ask, reject it, wait for the receipt."),
    "withdraw": OnSuite(f"{__name__}.decide", "Show a request, ask, withdraw a vote, and wait for the receipt."),
    "delegate": Entry(f"{__name__}.delegate", "Set who votes for somebody who is away, from now on."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(new_group("List and decide approval requests.", _COMMANDS), name="approvals")

"""``perdure audit``: read, export and verify the audit record."""

from typing import Final

import typer

from perdure.cli.command_group import Entry, OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "tail": OnSuite(f"{__name__}.tail", "Print the newest records: when, where, who and what."),
    "receipt": OnSuite(f"{__name__}.receipt", "Prove a message to people who trust only the ledger's key."),
    "evidence": OnSuite(f"{__name__}.evidence", "Prove who decided a request, in a file that needs no suite."),
    "export": Entry(f"{__name__}.export", "Write the record into a folder, or add what is new to it."),
    "verify": Entry(f"{__name__}.verify", "Verify that a record is whole, complete and fresh."),
    "key": Entry(f"{__name__}.key", "Print the key by which others verify the record."),
    "erase": OnSuite(f"{__name__}.erase", "Erase the content about an event, a run or a person."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(new_group("Read the audit record, and prove it to others.", _COMMANDS), name="audit")

"""``perdure admin``: NATS permissions, Temporal's namespace, contracts, and checks of a whole suite."""

from typing import Final

import typer

from perdure.cli.command_group import Entry, OnSuite, new_group

__all__ = ["register"]

_COMMANDS: Final = {
    "nats": Entry(f"{__name__}.nats", "Keys and permissions for a NATS server of your own."),
    "temporal": Entry(f"{__name__}.temporal", "Search attributes in a Temporal of your own."),
    "contracts": Entry(f"{__name__}.contracts", "Write or check the JSON Schemas and the AsyncAPI document."),
    "encryption": Entry(f"{__name__}.encryption", "Keys of encrypted values, and a codec endpoint for Temporal's UI."),
    "ledger": Entry(f"{__name__}.ledger", "The key that signs the audit record."),
    "check": OnSuite(f"{__name__}.check", "Check that each event became what its verdict says."),
    "chaos": Entry(f"{__name__}.chaos", "Publish events, strike parts with faults, and verify every outcome."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = new_group("Set up NATS, Temporal and contracts, and check a suite.", _COMMANDS)
    app.add_typer(group, name="admin")

"""``perdure audit key``: the key by which others verify the record."""

from __future__ import annotations

import json

import typer

from perdure.cli.audit.trusted_key import own_key
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console
from perdure.runtime.stderr import print_error

__all__ = ["register"]

_KEEP = (
    "Hand this line to whoever verifies the record, by a way that the keeper of the record cannot change, and keep it "
    "there: `perdure audit verify --key` takes it. A key that comes with the record proves nothing to who distrusts it."
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure audit key > ledger.vkey")
    def key(*, as_json: Json = False) -> None:
        """Print the key by which others verify the record.

        It is a verifier key as C2SP signed-note has it: name+id+key. The private one stays with the audit service.
        """
        from perdure.config.loader import load_settings

        verifier = str(own_key(load_settings()) or run_command(_ask()))
        console.out(json.dumps({"key": verifier}) if as_json else verifier, highlight=False)
        if not as_json:
            print_error(_KEEP)


async def _ask() -> str:
    """Return the key that the audit service signs with."""
    from perdure.contracts.audit_proofs import AUDIT_PROOFS, AuditProofsFound, AuditProofsQuery

    async with open_bus() as bus:
        reply = await bus.request(AUDIT_PROOFS, AuditProofsQuery().model_dump_json().encode())
    return AuditProofsFound.model_validate_json(reply).key

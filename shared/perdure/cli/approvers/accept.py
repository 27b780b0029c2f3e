"""``perdure approvers accept``: puts a key that a person offered in the console into the approvers file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.approvers.options import File
from perdure.cli.client import open_bus, run_command
from perdure.cli.output import console
from perdure.errors import NotFound

if TYPE_CHECKING:
    from perdure.approvers import ApproversFile
    from perdure.bus import Bus
    from perdure.contracts import KeyOffered

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvers accept 3f1c0a9be2d47c55")
    def accept(
        key_id: Annotated[str, typer.Argument(help="As its owner reads it out to you.", show_default=False)],
        roles: Annotated[list[str] | None, typer.Option("--role", help="A role; may be repeated.")] = None,
        file: File = None,
    ) -> None:
        """Accept a key that somebody offered in the console.

        Let the person read out the key id that their page shows: whoever controls the console could offer another.
        """
        from perdure.cli.approvers.file import approvers_file

        approver = run_command(_accept(approvers_file(file), key_id, roles or []))
        console.print(f"{approver} signs with the key {key_id} too; only their browser holds its other half.")


async def _accept(approvers: ApproversFile, key_id: str, roles: list[str]) -> str:
    """Accept a key, put the change on ADMIN, and return whose key it is."""
    from perdure.approvers.offered_key import accept_key
    from perdure.cli.admin_acts import change_of

    async with open_bus() as bus:
        offer = await _offer(bus, key_id)
        is_known = offer.approver in approvers.current().approvers
        accept_key(approvers, offer, roles=roles)
        change = change_of(
            approvers,
            act="key_rotated" if is_known else "key_added",
            approver=offer.approver,
            key_id=key_id,
            roles=approvers.current().approvers[offer.approver].roles,
        )
        await bus.publish(change)
        return offer.approver


async def _offer(bus: Bus, key_id: str) -> KeyOffered:
    from perdure.bus import decode
    from perdure.contracts import KeyOffered

    async for message in bus.read("admin.enrolment.*"):
        offer = decode(message.raw)
        if isinstance(offer, KeyOffered) and offer.key_id == key_id:
            return offer
    raise NotFound(f"Nobody has offered a key {key_id}.")

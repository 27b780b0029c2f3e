"""``perdure approvers revoke``: ends the validity of a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from perdure.cli.approvers.options import File
from perdure.cli.output import console, local_day
from perdure.errors import NotFound, PerdureError

if TYPE_CHECKING:
    from perdure.approvers import Approver, Directory, Proxy, PublicKey

__all__ = ["register"]

_Owner = TypeVar("_Owner", "Approver", "Proxy")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvers revoke 3f1c0a9be2d47c55")
    def revoke(
        key_id: Annotated[str, typer.Argument(help="As `perdure approvers list` names it.", show_default=False)],
        file: File = None,
    ) -> None:
        """Revoke a key: later decisions with it are refused."""
        from perdure.cli.admin_acts import change_of, record_change
        from perdure.cli.approvers.file import approvers_file, key_lines

        approvers = approvers_file(file)
        with approvers.changing() as (known, changed):
            line = next((line for line in key_lines(known) if line.key_id == key_id), None)
            if line is None:
                raise NotFound(f"{approvers.path} knows no key {key_id}: see `perdure approvers list`.")
            if line.revoked is not None:
                raise PerdureError(f"The key {key_id} was revoked at {local_day(line.revoked)} already.")
            changed.append(_without(known, key_id, datetime.now(UTC).replace(microsecond=0)))
        console.print(f"The key {key_id} of {line.owner} is revoked.")
        record_change(
            approvers,
            change_of(
                approvers, act="key_revoked", approver=line.owner, proxy=line.proxy, key_id=key_id, roles=line.roles
            ),
        )


def _without(known: Directory, key_id: str, at: datetime) -> Directory:
    def ended(key: PublicKey) -> PublicKey:
        return key.model_copy(update={"revoked": at}) if key.key_id == key_id else key

    def mended(owner: _Owner) -> _Owner:
        return owner.model_copy(update={"keys": tuple(map(ended, owner.keys))})

    return known.model_copy(
        update={
            "approvers": {name: mended(owner) for name, owner in known.approvers.items()},
            "proxies": {name: mended(owner) for name, owner in known.proxies.items()},
        }
    )

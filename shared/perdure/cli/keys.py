"""``perdure keys``: manages approvers and their signing keys."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from pydantic import BaseModel

from perdure.approvers import Approver, ApproversFile, Directory, Proxy, PublicKey
from perdure.approvers.enrolment import enrol
from perdure.cli.client import Json
from perdure.cli.command_group import new_group
from perdure.cli.output import console, print_json, table
from perdure.config.loader import load_settings
from perdure.errors import PerdureError, SetupError

__all__ = ["approvers_file", "register"]

_Owner = TypeVar("_Owner", Approver, Proxy)

_TYPED: Final = re.compile(r"[\w@+][\w.@+-]*")  # what nobody need quote in a shell; who is known otherwise stays known

_keys = new_group("Make, list and revoke the keys that sign decisions.")

File = Annotated[
    Path | None, typer.Option("--file", help="The approvers file, if not the configured one.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_keys, name="keys")


def approvers_file(named: Path | None) -> ApproversFile:
    """Return the file that was named, else that of the configuration."""
    return ApproversFile(named or load_settings().approvers_file)


@_keys.command(epilog="Example: perdure keys new ada --role editor")
def new(
    name: Annotated[str, typer.Argument(help="Whose key, as policies name them.", show_default=False)],
    roles: Annotated[list[str] | None, typer.Option("--role", help="What they are; may be repeated.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the private key goes, if not `approvals.keys`.", show_default=False)
    ] = None,
    file: File = None,
    *,
    proxy: Annotated[bool, typer.Option("--proxy", help="It is a program's that signs for people.")] = False,
) -> None:
    """Create a key; older keys stay valid until they are revoked."""
    approvers = approvers_file(file)
    known = approvers.current()
    if not (name in known.approvers or name in known.proxies or _TYPED.fullmatch(name)):
        raise SetupError(
            f"{name!r} cannot be the name of an approver: it is made of letters, digits and . _ - @ +, and begins "
            "with neither . nor -"
        )
    keys = folder or load_settings().keys_folder
    key, private = enrol(approvers, keys, name, roles=roles or (), proxy=proxy)
    console.print(f"{name} signs with the key {key.key_id}, which is in {private}: keep it secret.")
    console.print(f"{approvers.path} holds its public key; services reload the file.")
    for line in _lines(known):
        if (line.owner, line.proxy, line.revoked) == (name, proxy, None):
            console.print(f"The older key {line.key_id} stays valid until `perdure keys revoke {line.key_id}`.")


class KeyLine(BaseModel):
    """What is known of one key."""

    owner: str
    proxy: bool
    roles: tuple[str, ...]
    key_id: str
    created: datetime | None
    revoked: datetime | None


@_keys.command("list")
def list_keys(file: File = None, *, as_json: Json = False) -> None:
    """List who has which key."""
    lines = list(_lines(approvers_file(file).current()))
    if as_json:
        print_json(lines)
        return
    rows = [
        (
            line.key_id,
            f"{line.owner} (proxy)" if line.proxy else line.owner,
            ", ".join(line.roles),
            f"{line.created or ''}",
            f"{line.revoked or ''}",
        )
        for line in lines
    ]
    shown = table("key", "owner", "roles", "created", "revoked", rows=rows)
    console.print(shown if rows else "Nobody has a key yet: `perdure keys new NAME` makes one.")


@_keys.command(epilog="Example: perdure keys revoke 3f1c0a9be2d47c55")
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `perdure keys list` names it.", show_default=False)],
    file: File = None,
) -> None:
    """Revoke a key: later decisions with it are refused."""
    approvers = approvers_file(file)
    with approvers.changing() as (known, changed):
        line = next((line for line in _lines(known) if line.key_id == key_id), None)
        if line is None:
            raise PerdureError(f"{approvers.path} knows no key {key_id}: see `perdure keys list`.")
        if line.revoked is not None:
            raise PerdureError(f"The key {key_id} was revoked at {line.revoked} already.")
        changed.append(_without(known, key_id, datetime.now(UTC).replace(microsecond=0)))
    console.print(f"The key {key_id} of {line.owner} is revoked.")


def _lines(known: Directory) -> Iterator[KeyLine]:
    for proxy, owners in ((False, known.approvers), (True, known.proxies)):
        for name, owner in owners.items():
            roles = owner.roles if isinstance(owner, Approver) else ()
            for key in owner.keys:
                yield KeyLine(
                    owner=name,
                    proxy=proxy,
                    roles=roles,
                    key_id=key.key_id,
                    created=key.created,
                    revoked=key.revoked,
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

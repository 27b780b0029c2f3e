"""``perdure approvers add``: adds an approver, with a first key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.approvers.options import File, Folder, Protect
from perdure.cli.output import console
from perdure.errors import SetupError

if TYPE_CHECKING:
    from perdure.approvers import ApproversFile
    from perdure.values.protection import Protection

__all__ = ["enrol_key", "register"]

_TYPED: Final = re.compile(r"[\w@+][\w.@+-]*")  # what nobody need quote in a shell; who is known otherwise stays known


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvers add ada --role editor")
    def add(  # noqa: PLR0913 (each is a flag)
        name: Annotated[str, typer.Argument(help="The name, as policies name it.", show_default=False)],
        roles: Annotated[list[str] | None, typer.Option("--role", help="A role; may be repeated.")] = None,
        folder: Folder = None,
        file: File = None,
        protect: Protect = None,
        *,
        proxy: Annotated[bool, typer.Option("--proxy", help="A program that signs for people.")] = False,
    ) -> None:
        """Add an approver with a key, or roles and a key to a known one."""
        from perdure.cli.approvers.file import approvers_file

        approvers = approvers_file(file)
        known = approvers.current()
        if not (name in known.approvers or name in known.proxies or _TYPED.fullmatch(name)):
            raise SetupError(
                f"{name!r} cannot be the name of an approver: it is made of letters, digits and . _ - @ +, and begins "
                "with neither . nor -"
            )
        enrol_key(approvers, folder, name, roles or [], proxy=proxy, protect=protect)


def enrol_key(  # noqa: PLR0913 (what a key is)
    approvers: ApproversFile,
    folder: Path | None,
    name: str,
    roles: list[str],
    *,
    proxy: bool,
    protect: Protection | None,
) -> None:
    """Make a key, and print where its halves are, who can use it, and which older keys stay valid."""
    from perdure.approvers.enrolment import enrol
    from perdure.cli.admin_acts import change_of, record_change
    from perdure.cli.approvers.file import key_lines
    from perdure.cli.approvers.protect import choose_protection, risk_of
    from perdure.config.loader import load_settings

    protection, passphrase = choose_protection(protect, proxy=proxy)
    older = [
        line.key_id
        for line in key_lines(approvers.current())
        if (line.owner, line.proxy, line.revoked) == (name, proxy, None) and line.key_id
    ]
    known_before = name in approvers.current().approvers or name in approvers.current().proxies
    key, private = enrol(
        approvers,
        folder or load_settings().keys_folder,
        name,
        roles=roles,
        proxy=proxy,
        protection=protection,
        passphrase=passphrase,
    )
    console.print(f"{name} signs with the key {key.key_id}, which is in {private}: keep it secret.")
    console.print(f"{approvers.path} holds its public key; services reload the file.")
    if (risk := risk_of(name, protection)) and not proxy:
        console.print(risk, soft_wrap=True)
    for key_id in older:
        console.print(f"The older key {key_id} stays valid until `perdure approvers revoke {key_id}`.")
    person = approvers.current().approvers.get(name)
    act = "key_rotated" if known_before else "key_added"
    roles_now = person.roles if person is not None else ()
    record_change(
        approvers, change_of(approvers, act=act, approver=name, proxy=proxy, key_id=key.key_id, roles=roles_now)
    )

"""Enrolment: making a key, with the private half in the owner's folder and the public half in the approvers file."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from perdure.approvers.directory import Directory
from perdure.approvers.entries import Approver, Proxy, PublicKey
from perdure.approvers.file import ApproversFile
from perdure.approvers.keys import SigningKey, key_id_in
from perdure.errors import SetupError
from perdure.values.protection import Protection

__all__ = ["enrol", "find_key", "key_file", "with_key"]


def key_file(folder: Path, name: str) -> Path:
    """Return the path of somebody's private key.

    Raises:
        SetupError: The name cannot be a file name.
    """
    if not name or name.startswith(".") or {"/", "\\", "\0"} & set(name):
        raise SetupError(f"{name!r} cannot be the name of an approver: it must be usable as a file name.")
    return folder / f"{name}.pem"


def find_key(folder: Path, name: str | None) -> tuple[str, SigningKey]:
    """Return the name and key of the approver who signs on this machine.

    Args:
        folder: The folder of private keys.
        name: The approver's name; may be left out if the folder holds one key.

    Raises:
        SetupError: There is no key, or more than one and no name.
    """
    if name is not None:
        return name, SigningKey.read(key_file(folder, name))
    names = sorted(file.stem for file in folder.glob("*.pem") if "~" not in file.stem)
    if not names:
        raise SetupError(
            f"{folder} holds no key, and a decision must be signed: `perdure approvers add NAME` makes one."
        )
    if len(names) > 1:
        raise SetupError(f"{folder} holds the keys of {', '.join(names)}: choose one with --as.")
    return names[0], SigningKey.read(key_file(folder, names[0]))


def enrol(  # noqa: PLR0913 (what a key is)
    file: ApproversFile,
    folder: Path,
    name: str,
    *,
    roles: Iterable[str] = (),
    proxy: bool = False,
    protection: Protection = "none",
    passphrase: str | None = None,
) -> tuple[SigningKey, Path]:
    """Make a key for an approver or proxy, new or known, and return it with the path of its file.

    An earlier key stays valid; its file is renamed to ``<name>~<key id>.pem``.

    Args:
        file: The approvers file, which gets the public key.
        folder: The folder that gets the private key.
        name: The owner's name.
        roles: Roles to add to those that the owner has.
        proxy: Whether the owner is a program that signs for people.
        protection: How the private key is encrypted.
        passphrase: The passphrase, if that protects it.

    Raises:
        SetupError: The name cannot be that of a file or is ambiguous, or there is no keyring.
    """
    key, private = SigningKey.new(), key_file(folder, name)
    with file.changing() as (known, changed):
        if private.exists():
            private.rename(private.with_stem(f"{name}~{key_id_in(private)}"))
        key.write(private, protection, passphrase)
        public = PublicKey(public=key.public, created=datetime.now(UTC).replace(microsecond=0))
        changed.append(with_key(known, name, public, roles=roles, proxy=proxy))
    return key, private


def with_key(known: Directory, name: str, key: PublicKey, *, roles: Iterable[str], proxy: bool) -> Directory:
    """Return the content of the approvers file with another key of a person or proxy, new or known."""
    if proxy:
        program = known.proxies.get(name, Proxy())
        program = program.model_copy(update={"keys": (*program.keys, key)})
        return known.model_copy(update={"proxies": {**known.proxies, name: program}})
    person = known.approvers.get(name, Approver())
    all_roles = tuple(dict.fromkeys([*person.roles, *roles]))
    person = person.model_copy(update={"keys": (*person.keys, key), "roles": all_roles})
    return known.model_copy(update={"approvers": {**known.approvers, name: person}})

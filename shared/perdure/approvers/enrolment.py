"""Somebody gets a key: the private half lies with its owner, the public one in the approvers file."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from perdure.approvers.directory import Approver, Directory, Proxy, PublicKey
from perdure.approvers.file import ApproversFile
from perdure.approvers.keys import SigningKey
from perdure.errors import SetupError

__all__ = ["enrol", "find_key", "key_file"]


def key_file(folder: Path, name: str) -> Path:
    """Return where the private key of this name lies.

    Raises:
        SetupError: No file can have this name.
    """
    if not name or name.startswith(".") or {"/", "\\", "\0"} & set(name):
        raise SetupError(f"{name!r} cannot be the name of an approver: it is to name a file.")
    return folder / f"{name}.pem"


def find_key(folder: Path, name: str | None) -> tuple[str, SigningKey]:
    """Return who signs here, and with which key.

    Args:
        folder: Where private keys lie.
        name: Whose; not needed where there is only one.

    Raises:
        SetupError: There is none, or more than one; the sentence says what to do.
    """
    if name is not None:
        return name, SigningKey.read(key_file(folder, name))
    names = sorted(file.stem for file in folder.glob("*.pem") if "~" not in file.stem)
    if not names:
        raise SetupError(f"No key lies in {folder}, and a decision must be signed: `perdure keys new NAME` makes one.")
    if len(names) > 1:
        raise SetupError(f"The keys of {', '.join(names)} lie in {folder}: say whose to use with --as.")
    return names[0], SigningKey.read(key_file(folder, names[0]))


def enrol(
    file: ApproversFile, folder: Path, name: str, *, roles: Iterable[str] = (), proxy: bool = False
) -> tuple[SigningKey, Path]:
    """Make a key for somebody, old or new; a key that they had stays valid, and its file is put aside as ``name~id``.

    Args:
        file: Gets the public key.
        folder: Gets the private key.
        name: Whose it is.
        roles: What they are, beside what they were.
        proxy: It is a program's, which signs for people.
    """
    key, private = SigningKey.new(), key_file(folder, name)
    with file.changing() as (known, changed):
        if private.exists():
            private.rename(private.with_stem(f"{name}~{SigningKey.read(private).key_id}"))
        key.write(private)
        public = PublicKey(public=key.public, created=datetime.now(UTC).replace(microsecond=0))
        changed.append(_with(known, name, public, roles=roles, proxy=proxy))
    return key, private


def _with(known: Directory, name: str, key: PublicKey, *, roles: Iterable[str], proxy: bool) -> Directory:
    if proxy:
        program = known.proxies.get(name, Proxy())
        program = program.model_copy(update={"keys": (*program.keys, key)})
        return known.model_copy(update={"proxies": {**known.proxies, name: program}})
    person = known.approvers.get(name, Approver())
    all_roles = tuple(dict.fromkeys([*person.roles, *roles]))
    person = person.model_copy(update={"keys": (*person.keys, key), "roles": all_roles})
    return known.model_copy(update={"approvers": {**known.approvers, name: person}})

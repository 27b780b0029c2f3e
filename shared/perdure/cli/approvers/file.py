"""The approvers file of the configuration, and one line for each key in it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from perdure.approvers import Approver, ApproversFile, Directory
from perdure.config.loader import load_settings

__all__ = ["KeyLine", "approvers_file", "key_lines"]


class KeyLine(BaseModel):
    """What is known of one key, or of a person without a key.

    Attributes:
        owner: The person, or the program that signs for people.
        proxy: Whether the owner is such a program.
        key_id: The first 16 hex digits of the SHA-256 of the public key; absent for a person without a key.
        created: When it was made (UTC), if known.
        revoked: From when on (UTC) its decisions are refused; absent while it is valid.
        away_until: Until when (UTC) others vote for the owner; absent if there is no end.
        delegates: The people who vote for the owner meanwhile.
    """

    owner: str
    proxy: bool = False
    roles: tuple[str, ...] = ()
    key_id: str | None = None
    created: datetime | None = None
    revoked: datetime | None = None
    away_until: datetime | None = None
    delegates: tuple[str, ...] = ()


def approvers_file(named: Path | None) -> ApproversFile:
    """Return the file that was named, else that of the configuration."""
    return ApproversFile(named or load_settings().approvers_file)


def key_lines(known: Directory) -> Iterator[KeyLine]:
    """Yield a line for each key, people first, and one for each person without a key."""
    for proxy, owners in ((False, known.approvers), (True, known.proxies)):
        for name, owner in owners.items():
            line = KeyLine(owner=name, proxy=proxy)
            if isinstance(owner, Approver):
                away = owner.away
                line = line.model_copy(
                    update={
                        "roles": owner.roles,
                        "away_until": away.until if away else None,
                        "delegates": away.to if away else (),
                    }
                )
            if not owner.keys:
                yield line
            for key in owner.keys:
                yield line.model_copy(update={"key_id": key.key_id, "created": key.created, "revoked": key.revoked})

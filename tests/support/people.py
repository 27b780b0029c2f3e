"""People with keys, and what they sign."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from perdure.approvers import Approver, ApproversFile, Directory, Proxy, PublicKey, SigningKey, sign
from perdure.contracts import Decision

__all__ = ["SigningKey", "approvers_file", "directory", "signed", "signed_body"]


def directory(
    keys: Mapping[str, SigningKey], *, roles: Mapping[str, Iterable[str]] | None = None, proxies: Iterable[str] = ()
) -> Directory:
    """Know each by one key; those named as proxies speak for everybody."""
    public = {name: (PublicKey(public=key.public),) for name, key in keys.items()}
    said = roles or {}
    people = {name: Approver(keys=key, roles=tuple(said.get(name, ()))) for name, key in public.items()}
    return Directory(
        approvers={name: approver for name, approver in people.items() if name not in set(proxies)},
        proxies={name: Proxy(keys=public[name]) for name in proxies},
    )


def approvers_file(path: Path, known: Directory) -> ApproversFile:
    """Write them down."""
    file = ApproversFile(path)
    with file.changing() as (_, changed):
        changed.append(known)
    return file


def signed(
    key: SigningKey,
    approver: str,
    request_id: str,
    digest: str,
    *,
    said: Literal["approve", "reject", "withdraw"] = "approve",
    **more: Any,
) -> Decision:
    """Decide and sign."""
    decision = Decision(
        workflow_id=request_id.rpartition(".")[0],
        request_id=request_id,
        decision=said,
        approver=approver,
        digest=digest,
        **{"nonce": f"{approver}-{said}", **more},
    )
    return sign(decision, key)


def signed_body(*said: Any, **more: Any) -> bytes:
    """Return what goes over the wire."""
    return json.dumps(signed(*said, **more).model_dump(mode="json")).encode()

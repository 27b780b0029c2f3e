"""Approvers with keys, and the decisions that they sign."""

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
    """Return a directory with one key each; those named as proxies may sign for everybody."""
    public = {name: (PublicKey(public=key.public),) for name, key in keys.items()}
    roles = roles or {}
    people = {name: Approver(keys=key, roles=tuple(roles.get(name, ()))) for name, key in public.items()}
    return Directory(
        approvers={name: approver for name, approver in people.items() if name not in set(proxies)},
        proxies={name: Proxy(keys=public[name]) for name in proxies},
    )


def approvers_file(path: Path, directory: Directory) -> ApproversFile:
    """Write a directory to an approvers file."""
    file = ApproversFile(path)
    with file.changing() as (_, changed):
        changed.append(directory)
    return file


def signed(
    key: SigningKey,
    approver: str,
    request_id: str,
    digest: str,
    *,
    decision: Literal["approve", "reject", "withdraw"] = "approve",
    **more: Any,
) -> Decision:
    """Return a signed decision."""
    unsigned = Decision(
        workflow_id=request_id.rpartition(".")[0],
        request_id=request_id,
        decision=decision,
        approver=approver,
        digest=digest,
        **{"nonce": f"{approver}-{decision}", **more},
    )
    return sign(unsigned, key)


def signed_body(*arguments: Any, **more: Any) -> bytes:
    """Return a signed decision as a message body."""
    return json.dumps(signed(*arguments, **more).model_dump(mode="json")).encode()

"""Approvers whose keys exist for one test only: what they decide is signed and verified as in production."""

from collections.abc import Iterable

from perdure.approvers import Approver, ApproversVersion, Directory, PublicKey, SigningKey, sign
from perdure.contracts import Decision

__all__ = ["ThrowAwayApprovers"]


class ThrowAwayApprovers:
    """Takes the place of the approvers file; whoever signs is enrolled by it."""

    def __init__(self) -> None:
        self._keys: dict[str, SigningKey] = {}
        self._directory = Directory()

    async def version(self) -> ApproversVersion:
        """Return the approvers that have signed so far."""
        return ApproversVersion(self._directory)

    def sign(self, decision: Decision, roles: Iterable[str] = ()) -> Decision:
        """Sign a decision with a key of its approver, who has these roles from now on."""
        key = self._keys.setdefault(decision.approver, SigningKey.new())
        approver = Approver(roles=tuple(roles), keys=(PublicKey(public=key.public),))
        approvers = {**self._directory.approvers, decision.approver: approver}
        self._directory = Directory(approvers=approvers, proxies=self._directory.proxies)
        return sign(decision, key)

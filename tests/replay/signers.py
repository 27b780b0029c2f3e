"""Who signs in a recording: people, delegates of people who are away, and proxies."""

from collections.abc import Iterable

from perdure.approvers import Approver, Away, Directory, Proxy, PublicKey, SigningKey, sign
from perdure.contracts import Decision
from perdure.testing.throwaway_approvers import ThrowAwayApprovers

__all__ = ["Signers"]


class Signers(ThrowAwayApprovers):
    """Throw-away approvers of whom some are away, and some sign by a proxy."""

    def sign(
        self, decision: Decision, roles: Iterable[str] = (), stands_in_for: Iterable[str] = (), proxy: str | None = None
    ) -> Decision:
        """Sign a decision.

        Args:
            decision: The decision.
            roles: The roles of its approver, from now on.
            stands_in_for: People who are away from now on and have the approver as delegate.
            proxy: Signs for the approver, from now on for anybody.
        """
        signed = super().sign(decision, roles)
        approvers, proxies = {**self._directory.approvers}, {**self._directory.proxies}
        for name in stands_in_for:
            away = Away(to=(decision.approver,))
            approvers[name] = approvers.get(name, Approver()).model_copy(update={"away": away})
        if proxy is not None:
            key = self._keys.setdefault(proxy, SigningKey.new())
            proxies[proxy] = Proxy(keys=(PublicKey(public=key.public),))
            signed = sign(decision, key)
        self._directory = Directory(approvers=approvers, proxies=proxies)
        return signed

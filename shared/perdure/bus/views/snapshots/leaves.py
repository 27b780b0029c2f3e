"""The leaves of messages in the ledger, by their places."""

from collections.abc import Sequence

from perdure.bus.views.snapshots.sources import AskedSources
from perdure.contracts.audit_proofs import AUDIT_PROOFS, MOST_PLACES, AuditProofsFound, AuditProofsQuery

__all__ = ["leaves_of"]


async def leaves_of(sources: AskedSources, places: Sequence[str]) -> dict[str, int]:
    """Return the indices of the leaves of messages by their places, in one request: of the first 256.

    A message that audit has not recorded yet, or that is in no checkpoint yet, is left out.
    """
    if not places:
        return {}
    query = AuditProofsQuery(places=tuple(places[:MOST_PLACES]))
    found = await sources.reply("audit", AUDIT_PROOFS, query, AuditProofsFound)
    return {} if found is None else {it.place: it.leaf for it in found.proofs}

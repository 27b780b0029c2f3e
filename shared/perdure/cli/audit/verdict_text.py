"""The result of a verification, in lines and as JSON: three verdicts first, then each fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from perdure.cli.output import age

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.cli.audit.records import OpenedRecord
    from perdure.cli.audit.trusted_key import TrustedKey
    from perdure.client.temporal_comparison import TemporalComparison
    from perdure.ledger import Discrepancy, Verification

__all__ = ["VerifiedRecord", "verdict_json", "verdict_lines"]


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record, and what its verification has found.

    Attributes:
        record: The record.
        trusted: The key by which it was judged.
        compared: Whose checkpoints it was compared with, and how many these are.
        verification: What was taken.
        faults: What is wrong.
        temporal: The comparison with Temporal; None if nobody asked for it.
    """

    record: OpenedRecord
    trusted: TrustedKey
    compared: Mapping[str, int]
    verification: Verification
    faults: Sequence[Discrepancy]
    temporal: TemporalComparison | None = None


def verdict_lines(result: VerifiedRecord) -> Iterator[str]:
    """Yield the verdicts, what was compared with Temporal, then the faults."""
    detail = _details(result)
    for verdict, found in _by_verdict(result.faults).items():
        count = f"{len(found):,} fault{'' if len(found) == 1 else 's'}"
        answer = f"does not hold ({count})" if found else "holds"
        yield f"{verdict} {answer}: {detail[verdict]}"
    if (temporal := result.temporal) is not None:
        runs = f"{temporal.compared:,} run{'' if temporal.compared == 1 else 's'}"
        yield f"Temporal: {runs} compared with the leaves, {len(temporal.faults):,} faults."
        yield from (f"- {note}" for note in temporal.notes)
    for fault in result.faults:
        where = "" if fault.leaf is None else f" at leaf {fault.leaf}"
        yield f"✗ {fault.verdict}{where}: {fault.text}"


def verdict_json(result: VerifiedRecord) -> dict[str, Any]:
    """Return the verdicts as one object."""
    record, trusted, verification, temporal = result.record, result.trusted, result.verification, result.temporal
    newest = _newest(record)
    fields = {
        "ledger": record.ledger,
        "size": verification.size,
        "signed": verification.proven,
        "key": str(trusted.verifier),
        "key_source": trusted.source,
        "trusted_on_first_use": trusted.first_use,
        "compared_with": dict(result.compared),
        "verdicts": {verdict: not found for verdict, found in _by_verdict(result.faults).items()},
        "faults": [{"verdict": it.verdict, "leaf": it.leaf, "text": it.text} for it in result.faults],
        "newest_checkpoint_at": None if newest is None else newest.isoformat(),
        "streams": {
            stream: {"first": first, "last": last}
            for stream, (first, last) in sorted(verification.coverage.streams().items())
        },
    }
    return fields if temporal is None else {**fields, "temporal": _temporal_json(temporal)}


def _temporal_json(temporal: TemporalComparison) -> dict[str, Any]:
    return {"compared": temporal.compared, "faults": len(temporal.faults), "notes": [*temporal.notes]}


def _by_verdict(faults: Sequence[Discrepancy]) -> dict[str, list[Discrepancy]]:
    from perdure.ledger.discrepancy import Verdict

    return {verdict: [it for it in faults if it.verdict == verdict] for verdict in get_args(Verdict)}


def _details(result: VerifiedRecord) -> dict[str, str]:
    record, trusted, verification = result.record, result.trusted, result.verification
    compared = ", ".join(
        f"{count:,} checkpoint{'' if count == 1 else 's'} of {source}" for source, count in result.compared.items()
    )
    streams = ", ".join(
        f"{stream} {first} to {last}" for stream, (first, last) in sorted(verification.coverage.streams().items())
    )
    newest = _newest(record)
    at = "no checkpoint is known" if newest is None else f"the newest checkpoint is {age(newest)} old"
    leaves = f"{verification.size:,} leaves of {record.ledger}"
    return {
        "integrity": f"{leaves}, {compared or 'no checkpoint'}, {trusted.verifier} ({trusted.source})",
        "completeness": streams or "nothing is recorded",
        "freshness": f"{verification.proven:,} of {verification.size:,} leaves are signed, {at}",
    }


def _newest(record: OpenedRecord) -> Any:
    return max((note.stored_at for note in record.notes), default=None)

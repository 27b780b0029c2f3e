"""The result of a verification, in lines and as JSON: three verdicts first, then each fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from perdure.cli.output import age

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.cli.audit.records import OpenedRecord
    from perdure.cli.audit.trusted_key import TrustedKey
    from perdure.ledger import Discrepancy, Verification

__all__ = ["verdict_json", "verdict_lines"]


def verdict_lines(
    record: OpenedRecord, trusted: TrustedKey, verification: Verification, faults: Sequence[Discrepancy]
) -> Iterator[str]:
    """Yield the verdicts, then the faults."""
    detail = _details(record, trusted, verification)
    for verdict, found in _by_verdict(faults).items():
        count = f"{len(found):,} fault{'' if len(found) == 1 else 's'}"
        answer = f"does not hold ({count})" if found else "holds"
        yield f"{verdict} {answer}: {detail[verdict]}"
    for fault in faults:
        where = "" if fault.leaf is None else f" at leaf {fault.leaf}"
        yield f"✗ {fault.verdict}{where}: {fault.text}"


def verdict_json(
    record: OpenedRecord, trusted: TrustedKey, verification: Verification, faults: Sequence[Discrepancy]
) -> dict[str, Any]:
    """Return the verdicts as one object."""
    newest = _newest(record)
    return {
        "ledger": record.ledger,
        "size": verification.size,
        "signed": verification.proven,
        "key": str(trusted.verifier),
        "key_source": trusted.source,
        "trusted_on_first_use": trusted.first_use,
        "verdicts": {verdict: not found for verdict, found in _by_verdict(faults).items()},
        "faults": [{"verdict": it.verdict, "leaf": it.leaf, "text": it.text} for it in faults],
        "newest_checkpoint_at": None if newest is None else newest.isoformat(),
        "streams": {
            stream: {"first": first, "last": last}
            for stream, (first, last) in sorted(verification.coverage.streams().items())
        },
    }


def _by_verdict(faults: Sequence[Discrepancy]) -> dict[str, list[Discrepancy]]:
    from perdure.ledger.discrepancy import Verdict

    return {verdict: [it for it in faults if it.verdict == verdict] for verdict in get_args(Verdict)}


def _details(record: OpenedRecord, trusted: TrustedKey, verification: Verification) -> dict[str, str]:
    notes = f"{len(record.notes):,} checkpoint{'' if len(record.notes) == 1 else 's'}"
    streams = ", ".join(
        f"{stream} {first} to {last}" for stream, (first, last) in sorted(verification.coverage.streams().items())
    )
    newest = _newest(record)
    at = "no checkpoint is known" if newest is None else f"the newest checkpoint is {age(newest)} old"
    return {
        "integrity": f"{verification.size:,} leaves of {record.ledger}, {notes}, {trusted.verifier} ({trusted.source})",
        "completeness": streams or "nothing is recorded",
        "freshness": f"{verification.proven:,} of {verification.size:,} leaves are signed, {at}",
    }


def _newest(record: OpenedRecord) -> Any:
    return max((note.stored_at for note in record.notes), default=None)

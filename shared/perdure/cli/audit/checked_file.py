"""A file that ``perdure audit verify`` checks by itself: a receipt (``.tlog-proof``), or the evidence of a decision."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdure.cli.audit.trusted_key import trusted_key
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.cli.audit.trusted_key import TrustedKey
    from perdure.config.settings import Settings

__all__ = ["CheckedFile", "check_file"]


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a check of a file has found.

    Attributes:
        lines: The result, as sentences.
        fields: The result, as JSON has it.
        faults: What is wrong, as sentences; empty if everything holds.
    """

    lines: tuple[str, ...]
    fields: dict[str, Any]
    faults: tuple[str, ...]

    def all_lines(self) -> Iterator[str]:
        """Yield the result, then each fault."""
        yield from self.lines
        yield from (f"✗ {fault}" for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        """Return everything as one object."""
        return {**self.fields, "holds": not self.faults, "faults": [*self.faults]}


def check_file(file: Path, key: str | None, settings: Settings) -> CheckedFile:
    """Check a receipt or a file of evidence, as its content shows.

    Args:
        file: The file.
        key: The option ``--key``.
        settings: Those of this suite, whose key counts if no other is named.

    Raises:
        PerdureError: It cannot be read.
        WrongArgument: No key is known.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise PerdureError(f"{file} proves nothing: {error}") from error
    evidence = _evidence_in(text)
    return _checked_proof(file, text, key, settings) if evidence is None else _checked(text, evidence, key, settings)


def _evidence_in(text: str) -> dict[str, Any] | None:
    """Return the content of a file of evidence, whatever else is wrong with it; None if it is no such file."""
    from perdure.record.evidence import EVIDENCE

    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("format") == EVIDENCE else None


def _checked(text: str, content: dict[str, Any], key: str | None, settings: Settings) -> CheckedFile:
    from perdure.ledger import BadNote, Verifier
    from perdure.record.evidence_check import check_evidence

    try:
        claimed = [Verifier.parse(str(content.get("key")))]
    except BadNote:
        claimed = []  # the check says so
    trusted = trusted_key(key, settings, None, claimed)
    report = check_evidence(text, [trusted.verifier])
    request = str(content.get("request_id"))
    if report.faults:
        count = f"{len(report.faults):,} fault{'' if len(report.faults) == 1 else 's'}"
        result = f"The evidence about {request} does not hold ({count}); by its votes: {report.outcome}."
    else:
        result = f"The evidence about {request} holds: {report.outcome}."
    lines = (result, f"Votes that counted: {', '.join(report.votes) or 'none'}.", _key_line(trusted))
    fields = {"request_id": request, "outcome": report.outcome, "votes": [*report.votes], **_key_fields(trusted)}
    return CheckedFile(lines, fields, report.faults)


def _checked_proof(file: Path, text: str, key: str | None, settings: Settings) -> CheckedFile:
    from perdure.ledger import BadProof, ProofFile

    trusted = trusted_key(key, settings, None, [])
    try:
        proof = ProofFile.parse(text)
        head = proof.verified([trusted.verifier])
    except BadProof as error:
        return CheckedFile((), _key_fields(trusted), (f"{file} proves nothing: {error}",))
    entry = proof.extra.decode(errors="backslashreplace")
    line = f"Leaf {proof.index} is among the {head.size} of {head.origin}: {entry}"
    fields = {"ledger": head.origin, "leaf": proof.index, "size": head.size, "entry": entry, **_key_fields(trusted)}
    return CheckedFile((line,), fields, ())


def _key_line(trusted: TrustedKey) -> str:
    return f"Key: {trusted.verifier} ({trusted.source})."


def _key_fields(trusted: TrustedKey) -> dict[str, Any]:
    return {
        "key": str(trusted.verifier),
        "key_source": trusted.source,
        "trusted_on_first_use": trusted.first_use,
    }
